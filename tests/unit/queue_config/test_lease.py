"""What a worker says of itself, as others read it."""

import orjson

from queue_config.lease import WorkerStatus

SAID = {
    "name": "a.1",
    "model": "echo",
    "device": "cpu",
    "pid": 1,
    "waiting": 0,
    "running": 0,
    "slots": 1,
    "engine_age_s": 0.5,
}


def test_what_a_newer_worker_says_besides_is_left_out() -> None:
    status = WorkerStatus.from_json(orjson.dumps({**SAID, "invented_later": 1}))

    assert status == WorkerStatus(**SAID)  # type: ignore[arg-type]
