"""A finished event log to a Message, or to the error that it ended in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from api.wire.blocks import Signing, content
from api.wire.safeguards import safeguard_results
from api.wire.seal import UNSIGNED, Seal
from queue_config.errors import DeadlinePassed, GenerationFailed, PensieveError
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished, StopReason
from queue_config.pieces import Piece
from queue_config.request import GenerationRequest


@dataclass(frozen=True, slots=True)
class MessageHead:
    """What is known of a message before its first token."""

    id: str
    model: str
    input_tokens: int
    manner: tuple[str, ...] = ()
    """How it is to be shown: `thinks`, `thinking_omitted`, `clamped`, `applied_edits`, `safeguards`."""
    seal: Seal = UNSIGNED

    @classmethod
    def of(cls, request: GenerationRequest, seal: Seal) -> Self:
        return cls(request.id, request.model, len(request.prompt), request.manner, seal)

    @property
    def signing(self) -> Signing:
        return Signing(self.seal, omits="thinking_omitted" in self.manner)


def usage(
    prompt_tokens: int,
    output_tokens: int,
    *,
    read_tokens: int = 0,
    written_tokens: int = 0,
    thinking_tokens: int = 0,
) -> dict[str, Any]:
    """Every field that clients know; the three input counts add up to the prompt's length.

    `read_tokens` of it came from the prompt cache and `written_tokens` went into it.
    """
    return {
        "input_tokens": prompt_tokens - read_tokens - written_tokens,
        "cache_creation_input_tokens": written_tokens,
        "cache_read_input_tokens": read_tokens,
        # Nothing in our cache has a time to live; the shorter of theirs promises less.
        "cache_creation": {"ephemeral_5m_input_tokens": written_tokens, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"thinking_tokens": thinking_tokens},
        "server_tool_use": None,
        "service_tier": "standard",
        "inference_geo": None,
        "speed": "standard",
    }


def final_usage(head: MessageHead, end: Finished) -> dict[str, Any]:
    """What an answer cost, as its worker tells it."""
    return usage(
        head.input_tokens,
        end.output_tokens,
        read_tokens=end.cache_read_tokens,
        written_tokens=end.cache_written_tokens,
        thinking_tokens=end.thinking_tokens,
    )


def empty_message(head: MessageHead) -> dict[str, Any]:
    """The message as `message_start` shows it, when nobody knows yet what the prompt cache has of the prompt."""
    return {
        "id": head.id,
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage(head.input_tokens, 0),
    }


def fold(head: MessageHead, events: Iterable[Event]) -> dict[str, Any]:
    """The whole message; raises the PensieveError that the log ended in instead of an answer."""
    pieces: list[Piece] = []
    for event in events:
        if isinstance(event, Delta):
            pieces += event.pieces
        elif isinstance(event, Finished):
            blocks = content(pieces, head.signing)
            return empty_message(head) | {"content": blocks} | summary(head, event, pieces) | remarks(head)
        elif isinstance(event, Failed | Canceled | Expired):
            raise error_of(event)
    raise ValueError("the log has no end")


def summary(head: MessageHead, end: Finished, pieces: Iterable[Piece]) -> dict[str, Any]:
    """How the answer ended and what it cost; streams have all but `usage` in their last delta."""
    result = {
        "stop_reason": _reason(head, end),
        "stop_sequence": end.stop_sequence,
        "stop_details": None,
        "usage": final_usage(head, end),
    }
    return result | ({"safeguard_results": safeguard_results(pieces)} if "safeguards" in head.manner else {})


def remarks(head: MessageHead) -> dict[str, Any]:
    """What stands beside the answer where it was asked for. Histories are used as they come, so no edit is applied."""
    return {"context_management": {"applied_edits": []}} if "applied_edits" in head.manner else {}


def _reason(head: MessageHead, end: Finished) -> StopReason:
    # The client asked for more than the context could take, and the context is what stopped it.
    is_full = end.reason == "max_tokens" and "clamped" in head.manner
    return "model_context_window_exceeded" if is_full else end.reason


def error_of(event: Failed | Canceled | Expired) -> PensieveError:
    """What a client is told of a log that ended without an answer."""
    match event:
        case Expired():
            return DeadlinePassed("The deadline passed before the answer was complete.")
        case Canceled():
            error = GenerationFailed("api_error", "The request was canceled.")
        case Failed(kind, message):
            error = GenerationFailed(kind, message)
    # It was tried as often as it is going to be, or nobody wants it: the SDKs must not send it again by themselves.
    error.should_retry = False if error.kind == "api_error" else None
    return error


def output_tokens(events: Iterable[Event]) -> int:
    """How many tokens there are so far."""
    return sum(len(event.tokens) for event in events if isinstance(event, Delta))
