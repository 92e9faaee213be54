"""Message batches on the wire: the body that creates one, the object that shows one, and the lines of its results."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from api.wire import fields
from api.wire.errors import envelope
from api.wire.rfc3339 import rfc3339
from queue_config.batch_record import BatchRecord
from queue_config.errors import InvalidRequest, PensieveError

_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LINE_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
Requests = list[tuple[str, bytes]]


def parse_create(body: Any, max_requests: int) -> Requests:
    """Custom ids, and parameters as JSON, which nobody has looked into: what is wrong in there errs one request.

    Raises InvalidRequest.
    """
    requests = fields.array(fields.mapping(body, "body"), "requests")
    if not requests:
        raise InvalidRequest("requests: List should have at least 1 item after validation, not 0")
    if len(requests) > max_requests:
        raise InvalidRequest(
            f"requests: List should have at most {max_requests} items after validation, not {len(requests)}"
        )
    seen: dict[str, int] = {}
    return [_request(item, number, seen) for number, item in enumerate(requests)]


def _request(item: Any, number: int, seen: dict[str, int]) -> tuple[str, bytes]:
    path = f"requests.{number}"
    request = fields.mapping(item, path)
    custom_id = fields.string(request, "custom_id", f"{path}.")
    if not _CUSTOM_ID.fullmatch(custom_id):
        raise InvalidRequest(f"{path}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
    first = seen.setdefault(custom_id, number)
    if first != number:
        raise InvalidRequest(f"{path}.custom_id: is the same as that of requests.{first}; it should be unique")
    params = fields.mapping(fields.present(request, "params", f"{path}."), f"{path}.params")
    return custom_id, orjson.dumps(params)


def check_params(params: Mapping[str, Any]) -> None:
    """Raise InvalidRequest for what a message may have and one of a batch may not."""
    if params.get("stream"):
        raise InvalidRequest("stream: requests of a batch can't be streamed")


def view(record: BatchRecord, host_url: str) -> dict[str, Any]:
    """The batch as clients see it, who reach us at `host_url`.

    What became of its requests is told when all have ended, as in the original.
    """
    has_ended = record.status == "ended"
    counts = {
        "processing": 0 if has_ended else record.total,
        "succeeded": record.succeeded if has_ended else 0,
        "errored": record.errored if has_ended else 0,
        "canceled": record.canceled if has_ended else 0,
        "expired": record.expired if has_ended else 0,
    }
    return {
        "id": record.id,
        "type": "message_batch",
        "processing_status": record.status,
        "request_counts": counts,
        "created_at": rfc3339(record.created_at),
        "expires_at": rfc3339(record.expires_at),
        "ended_at": rfc3339(record.ended_at) if has_ended else None,
        "cancel_initiated_at": rfc3339(record.cancel_initiated_at) if record.cancel_initiated_at else None,
        # Results go together with their batch, so no batch is ever seen without them.
        "archived_at": None,
        "results_url": f"{host_url}v1/messages/batches/{record.id}/results" if has_ended else None,
    }


def succeeded(custom_id: str, message: Mapping[str, Any]) -> bytes:
    return _line(custom_id, {"type": "succeeded", "message": message})


def errored(custom_id: str, error: PensieveError, request_id: str) -> bytes:
    return _line(custom_id, {"type": "errored", "error": envelope(error, request_id)})


def canceled(custom_id: str) -> bytes:
    return _line(custom_id, {"type": "canceled"})


def expired(custom_id: str) -> bytes:
    return _line(custom_id, {"type": "expired"})


def _line(custom_id: str, result: Mapping[str, Any]) -> bytes:
    line = orjson.dumps({"custom_id": custom_id, "result": result})
    # JSON leaves them bare, and some readers of lines take them for a line's end.
    for bare, escaped in _LINE_ENDS:
        line = line.replace(bare, escaped)
    return line
