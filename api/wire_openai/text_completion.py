"""The answers of the older completions: `text_completion` objects, whole or one by one as the text comes."""

from collections.abc import Iterable, Iterator
from typing import Any

from api.wire.message import error_of
from api.wire_openai.errors import envelope
from api.wire_openai.head import CompletionHead
from api.wire_openai.ids import text_id
from api.wire_openai.usage import finish_reason, usage
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished, Started
from queue_config.pieces import text_of


def fold(head: CompletionHead, events: Iterable[Event]) -> dict[str, Any]:
    """The whole answer; raises the PensieveError that the log ended in instead of one."""
    text = ""
    for event in events:
        match event:
            case Delta(_, pieces):
                text += text_of(pieces)
            case Finished():
                return _completion(head, text, finish_reason(event)) | {"usage": usage(head.prompt_tokens, event)}
            case Failed() | Canceled() | Expired():
                raise error_of(event)
    raise ValueError("the log has no end")


class TextChunks:
    def __init__(self, head: CompletionHead, *, include_usage: bool) -> None:
        self._head = head
        self._include_usage = include_usage

    def start(self) -> Iterator[dict[str, Any]]:
        """Nothing: the first chunk has the first text."""
        yield from ()

    def fold(self, event: Event) -> Iterator[dict[str, Any]]:
        """The chunks that come of the log's next event; none for many. After an error there is no other."""
        match event:
            case Started():
                return
            case Delta(_, pieces):
                if text := text_of(pieces):
                    yield self._chunk(text, None)
            case Finished():
                yield self._chunk("", finish_reason(event))
                if self._include_usage:
                    last = _completion(self._head, "", None)
                    yield last | {"choices": [], "usage": usage(self._head.prompt_tokens, event)}
            case Failed() | Canceled() | Expired():
                yield envelope(error_of(event))

    def _chunk(self, text: str, reason: str | None) -> dict[str, Any]:
        chunk = _completion(self._head, text, reason)
        return chunk | {"usage": None} if self._include_usage else chunk


def _completion(head: CompletionHead, text: str, reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
    return head.object("text_completion", text_id(head.job_id)) | {"choices": [choice]}
