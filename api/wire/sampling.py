"""How the answer's tokens are to be chosen, out of a request's fields."""

from typing import Any

from api.wire import fields
from api.wire.version import WITHOUT_SAMPLING
from models.sampling_defaults import OPEN_TO_MODEL
from queue_config.errors import InvalidRequest
from queue_config.request import SamplingParams

MAX_STOPS = 64
MAX_STOP_BYTES = 256
MAX_TOP_K = 1_000_000
"""More than any vocabulary has: beyond it top_k changes nothing."""


def read_sampling(body: dict[str, Any], version: str) -> SamplingParams:
    """`seed` and the clamp to the context are not the wire's business."""
    max_tokens = fields.integer(body, "max_tokens", minimum=0)
    if version >= WITHOUT_SAMPLING:
        for name in ("temperature", "top_p", "top_k"):
            if body.get(name) is not None:
                raise InvalidRequest(f"{name}: Extra inputs are not permitted")
    # Clients write null for what they leave out.
    given = {name: value for name, value in body.items() if value is not None}
    return SamplingParams(
        max_tokens=max_tokens,
        temperature=fields.fraction(given, "temperature", default=1.0),
        top_p=fields.fraction(given, "top_p", default=1.0),
        top_k=min(fields.integer(given, "top_k", minimum=0, default=0), MAX_TOP_K),
        stop=_stops(given),
    )


def left_open(body: dict[str, Any]) -> frozenset[str]:
    """What the caller says nothing of, and the model's makers may."""
    return OPEN_TO_MODEL - {name for name, value in body.items() if value is not None}


def _stops(given: dict[str, Any]) -> tuple[str, ...]:
    if "stop_sequences" not in given:
        return ()
    stops = fields.array(given, "stop_sequences")
    if len(stops) > MAX_STOPS:
        raise InvalidRequest(f"stop_sequences: at most {MAX_STOPS} are allowed")
    for index, stop in enumerate(stops):
        if not isinstance(stop, str):
            raise InvalidRequest(f"stop_sequences.{index}: Input should be a valid string")
        if not stop.strip():
            raise InvalidRequest(f"stop_sequences.{index}: each stop sequence must contain non-whitespace")
        if len(stop.encode()) > MAX_STOP_BYTES:
            raise InvalidRequest(f"stop_sequences.{index}: at most {MAX_STOP_BYTES} bytes are allowed")
    return tuple(dict.fromkeys(stops))
