"""ChatChunks: folds a request's events into the chunks of a streamed chat completion."""

from collections.abc import Iterator
from typing import Any

from api.wire.message import error_of
from api.wire_openai.chat_answer import was_cut
from api.wire_openai.errors import envelope
from api.wire_openai.head import CompletionHead
from api.wire_openai.ids import call_id, chat_id
from api.wire_openai.usage import finish_reason, usage
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished, Started
from queue_config.pieces import Piece, TextPiece, ThinkingPiece, ToolInput, ToolStart

Chunk = dict[str, Any]


class ChatChunks:
    def __init__(self, head: CompletionHead, *, include_usage: bool) -> None:
        self._head = head
        self._include_usage = include_usage
        self._call = -1
        """The index of the call that is being written."""
        self._has_input = True
        """Whether that call has any arguments yet."""

    def start(self) -> Iterator[Chunk]:
        yield self._chunk({"role": "assistant", "content": ""})

    def fold(self, event: Event) -> Iterator[Chunk]:
        """The chunks that come of the log's next event; none for many. After an error there is no other."""
        match event:
            case Started():
                return
            case Delta(_, pieces):
                for piece in pieces:
                    yield from self._piece(piece)
            case Finished():
                yield from self._end(event)
            case Failed() | Canceled() | Expired():
                yield envelope(error_of(event))

    def _piece(self, piece: Piece) -> Iterator[Chunk]:
        match piece:
            case TextPiece("") | ThinkingPiece("") | ToolInput(""):
                return
            case TextPiece(text):
                yield self._chunk({"content": text})
            case ThinkingPiece(text):
                yield self._chunk({"reasoning_content": text})
            case ToolStart(tool_id, name):
                yield from self._close_call()
                self._call += 1
                self._has_input = False
                function = {"name": name, "arguments": ""}
                call = {"index": self._call, "id": call_id(tool_id), "type": "function", "function": function}
                yield self._chunk({"tool_calls": [call]})
            case ToolInput(json):
                self._has_input = True
                yield self._arguments(json)

    def _close_call(self) -> Iterator[Chunk]:
        """A call without arguments is complete all the same, and clients parse what they get."""
        if not self._has_input:
            self._has_input = True
            yield self._arguments("{}")

    def _end(self, event: Finished) -> Iterator[Chunk]:
        if not was_cut(event):
            yield from self._close_call()
        yield self._chunk({}, finish_reason(event))
        if self._include_usage:
            yield self._object() | {"choices": [], "usage": usage(self._head.prompt_tokens, event)}

    def _arguments(self, json: str) -> Chunk:
        return self._chunk({"tool_calls": [{"index": self._call, "function": {"arguments": json}}]})

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> Chunk:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        chunk = self._object() | {"choices": [choice]}
        return chunk | {"usage": None} if self._include_usage else chunk

    def _object(self) -> Chunk:
        return self._head.object("chat.completion.chunk", chat_id(self._head.job_id))
