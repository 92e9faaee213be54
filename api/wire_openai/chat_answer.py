"""A finished event log to a `chat.completion`, or to the error that it ended in."""

from collections.abc import Iterable
from typing import Any

from api.wire.message import error_of
from api.wire_openai.head import CompletionHead
from api.wire_openai.ids import call_id, chat_id
from api.wire_openai.usage import finish_reason, usage
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished
from queue_config.pieces import Piece, TextPiece, ThinkingPiece, ToolInput, ToolStart


def fold(head: CompletionHead, events: Iterable[Event]) -> dict[str, Any]:
    """The whole answer; raises the PensieveError that the log ended in instead of one."""
    pieces: list[Piece] = []
    for event in events:
        match event:
            case Delta():
                pieces += event.pieces
            case Finished():
                return head.object("chat.completion", chat_id(head.job_id)) | {
                    "choices": [
                        {
                            "index": 0,
                            "message": _message(pieces, event),
                            "logprobs": None,
                            "finish_reason": finish_reason(event),
                        }
                    ],
                    "usage": usage(head.prompt_tokens, event),
                }
            case Failed() | Canceled() | Expired():
                raise error_of(event)
    raise ValueError("the log has no end")


def was_cut(end: Finished) -> bool:
    """Whether the answer may have stopped in the middle of a call."""
    return end.reason in {"max_tokens", "model_context_window_exceeded"}


def _message(pieces: list[Piece], end: Finished) -> dict[str, Any]:
    text = "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))
    thinking = "".join(piece.text for piece in pieces if isinstance(piece, ThinkingPiece))
    calls = _calls(pieces, cut=was_cut(end))
    message: dict[str, Any] = {
        "role": "assistant",
        # Text that is only missing is null beside calls, as clients expect.
        "content": text if text or not calls else None,
        "refusal": None,
    }
    if thinking:
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = calls
    return message


def _calls(pieces: list[Piece], *, cut: bool) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    for piece in pieces:
        match piece:
            case ToolStart(tool_id, name):
                function = {"name": name, "arguments": ""}
                calls.append({"id": call_id(tool_id), "type": "function", "function": function})
            case ToolInput(json):
                calls[-1]["function"]["arguments"] += json
            case _:
                pass
    # A call without arguments is complete all the same, and clients parse what they get.
    for call in calls[:-1] if cut else calls:
        call["function"]["arguments"] = call["function"]["arguments"] or "{}"
    return calls
