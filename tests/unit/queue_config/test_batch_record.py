from queue_config.batch_record import BatchRecord


def test_a_record_survives_redis() -> None:
    record = BatchRecord(
        id="msgbatch_1", tenant="t", version="2023-06-01", host_url="http://localhost/", total=3, created_at=1.25,
        expires_at=2.5, status="canceling", cancel_initiated_at=2.0, succeeded=1, errored=2, canceled=3, expired=4,
        held_bytes=5,
    )  # fmt: skip
    stored = {name.encode(): str(value).encode() for name, value in record.to_hash().items()}

    assert BatchRecord.from_hash("msgbatch_1", stored) == record
