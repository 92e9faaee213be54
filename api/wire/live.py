"""The live feed's events: what a watcher may see of a picture. Pure."""

from collections.abc import Iterable
from typing import Any

from api.live_picture import LivePicture, Sample
from queue_config.job_queue import JobRecord
from queue_config.report import RowReport, WorkerReport

Json = dict[str, Any]


def history(samples: Iterable[Sample]) -> Json:
    """The charts' last minutes, in columns."""
    rows = [*samples]
    columns = Sample.__slots__
    return {"type": "history"} | {name: [getattr(row, name) for row in rows] for name in columns}


def picture(seen: LivePicture, tenant: str | None) -> Json:
    """`tenant` is whose ids are told; None tells all. Of others' requests it shows only that they are there."""
    return {
        "type": "picture",
        "at": seen.at,
        "first_token_s": seen.first_token_s,
        "waiting": {lane.lane: lane.count for lane in seen.lanes},
        "workers": [_worker(worker) for worker in seen.workers],
        "rows": [_row(worker, row, tenant) for worker in seen.workers for row in worker.rows],
        "queue": [_queued(record, tenant) for record in seen.waiting],
    }


_SAID = (
    "model", "device", "state", "slots", "started_at", "weights_bytes", "device_bytes", "kv_bytes", "kv_limit_bytes",
    "cache_bytes", "cache_limit_bytes", "prefill_tokens", "decode_tokens", "prefill_tokens_per_s",
    "decode_tokens_per_s", "cache_hits", "cache_misses", "cache_read_tokens", "refused",
)  # fmt: skip


def _worker(worker: WorkerReport) -> Json:
    return {
        "name": worker.worker,
        "running": len(worker.rows),
        "decoding": worker.decoding,
        **{name: getattr(worker, name) for name in _SAID},
    }


def _row(worker: WorkerReport, row: RowReport, tenant: str | None) -> Json:
    return {
        "id": row.id if tenant in {None, row.tenant} else None,
        "worker": worker.worker,
        "lane": row.lane,
        "state": row.state,
        "prompt_tokens": row.prompt_tokens,
        "prefilled_tokens": row.prefilled_tokens,
        "cached_tokens": row.cached_tokens,
        "output_tokens": row.output_tokens,
        "max_tokens": row.max_tokens,
        "accepted_at": row.accepted_at,
    }


def _queued(record: JobRecord, tenant: str | None) -> Json:
    return {
        "id": record.id if tenant in {None, record.tenant} else None,
        "lane": record.lane,
        "prompt_tokens": record.input_tokens,
        "accepted_at": record.created_at,
    }
