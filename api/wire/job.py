"""A job as `/v1/jobs` shows it: the event log says how it ended, the queue's record where it stands until then."""

from collections.abc import Sequence
from typing import Any, Literal

from api.wire.message import MessageHead, error_of, fold, output_tokens
from api.wire.rfc3339 import rfc3339
from api.wire.seal import UNSIGNED, Seal
from queue_config.errors import GenerationFailed, PensieveError
from queue_config.events import TERMINAL, Canceled, Event, Expired, Failed, Finished
from queue_config.job_queue import JobRecord

Status = Literal["queued", "running", "succeeded", "errored", "canceled", "expired"]


def head_of(record: JobRecord, seal: Seal = UNSIGNED) -> MessageHead:
    return MessageHead(record.id, record.model, record.input_tokens, record.manner, seal)


def status_of(record: JobRecord, events: Sequence[Event]) -> Status:
    match events[-1] if events else None:
        case Finished():
            return "succeeded"
        case Failed():
            return "errored"
        case Canceled():
            return "canceled"
        case Expired():
            return "expired"
    # The log and the record end in one step, so a record that ended alone was ended by something else.
    return "errored" if record.status == "ended" else record.status


def has_ended(events: Sequence[Event]) -> bool:
    return bool(events) and isinstance(events[-1], TERMINAL)


def view(record: JobRecord, events: Sequence[Event], position: int | None, seal: Seal = UNSIGNED) -> dict[str, Any]:
    """`position` is how many requests come before it, None where it doesn't wait."""
    status = status_of(record, events)
    return {
        **_facts(record, status),
        "position": position if status == "queued" else None,
        "progress": {"output_tokens": _progress(events)},
        "result": fold(head_of(record, seal), events) if status == "succeeded" else None,
        "error": _error(status, events),
    }


def summary(record: JobRecord, last: Event | None) -> dict[str, Any]:
    """A job in a list, by its record and the last event of its log: what can be told without reading the answer."""
    events = [] if last is None else [last]
    status = status_of(record, events)
    return {**_facts(record, status), "error": _error(status, events)}


def _facts(record: JobRecord, status: Status) -> dict[str, Any]:
    return {
        "id": record.id,
        "type": "job",
        "status": status,
        "model": record.model,
        "created_at": rfc3339(record.created_at),
        "expires_at": rfc3339(record.deadline_at),
    }


def _progress(events: Sequence[Event]) -> int:
    if events and isinstance(last := events[-1], Finished | Canceled | Expired):
        return last.output_tokens
    return output_tokens(events)


def _error(status: Status, events: Sequence[Event]) -> dict[str, str] | None:
    if status not in {"errored", "canceled", "expired"}:
        return None
    error: PensieveError
    if events and isinstance(last := events[-1], Failed | Canceled | Expired):
        error = error_of(last)
    else:
        error = GenerationFailed("api_error", "The request ended without an answer.")
    return {"type": error.kind, "message": str(error)}
