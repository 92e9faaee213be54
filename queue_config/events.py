"""What a worker reports about one request. A terminal event ends the log, and there is exactly one."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson

from queue_config.pieces import Piece, as_json, of_json

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded"]


@dataclass(frozen=True, slots=True)
class Started:
    """A worker began an attempt; writing this fences off every older one."""

    attempt: int
    worker: str
    """Makes the claims of two workers differ, so that only one of them stands. Empty where the attempt is nobody's: the
    request was taken from a dead worker, and waits for the next one."""


@dataclass(frozen=True, slots=True)
class Delta:
    """New tokens, and what of the answer became certain with them; either may be empty.

    The pieces may trail the tokens: half a character, or what could still become a stop sequence, is held back.
    """

    tokens: tuple[int, ...]
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    reason: StopReason
    output_tokens: int
    stop_sequence: str | None = None
    cache_read_tokens: int = 0
    """Tokens of the prompt that needed no computing, by the last attempt's account."""
    cache_written_tokens: int = 0
    """Tokens of the prompt that this request brought into the prompt cache, none of them among those read."""
    thinking_tokens: int = 0
    """How many of the output tokens were thinking, its markers included."""


@dataclass(frozen=True, slots=True)
class Failed:
    """`kind` is the wire's error type (api_error, timeout_error, ...)."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Canceled:
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Expired:
    """The deadline passed before the answer was complete."""

    output_tokens: int


Event = Started | Delta | Finished | Failed | Canceled | Expired
Terminal = Finished | Failed | Canceled | Expired
TERMINAL: tuple[type[Terminal], ...] = (Finished, Failed, Canceled, Expired)
_BY_NAME: dict[str, type[Event]] = {
    kind.__name__.lower(): kind for kind in (Started, Delta, Finished, Failed, Canceled, Expired)
}


def dump(event: Event) -> bytes:
    """One line of JSON; never holds a raw NUL, which separates the parts of a live frame."""
    name = type(event).__name__.lower()
    if isinstance(event, Delta):
        pieces = [as_json(piece) for piece in event.pieces]
        return orjson.dumps({"type": name, "tokens": event.tokens, "pieces": pieces})
    return orjson.dumps({"type": name, **asdict(event)})


def load(text: bytes) -> Event:
    data: dict[str, Any] = orjson.loads(text)
    kind = _BY_NAME[data.pop("type")]
    if kind is Delta:
        return Delta(tuple(data["tokens"]), tuple(of_json(piece) for piece in data["pieces"]))
    return kind(**data)
