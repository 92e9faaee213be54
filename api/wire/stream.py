"""MessageStream: folds a request's events into the frames of a legal stream; it alone knows their order."""

from collections.abc import Iterator
from typing import Any

from api.wire.errors import envelope
from api.wire.frame_id import BEFORE_ALL, MESSAGE_START, FrameId
from api.wire.message import MessageHead, empty_message, error_of, final_usage
from queue_config.event_log import Entry
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished, Started

Frame = dict[str, Any]


class MessageStream:
    """One reader's view of one stream, from just behind `after` on.

    Every reader folds the log from its start, so that frames and ids come out the same for all; what the reader has
    already seen is left out.
    """

    def __init__(self, head: MessageHead, request_id: str, after: FrameId = BEFORE_ALL) -> None:
        self._head = head
        self._request_id = request_id
        self._after = after
        self._in_block = False

    def start(self) -> Iterator[tuple[FrameId, Frame]]:
        """`message_start`, unless the reader has it."""
        if self._after < MESSAGE_START:
            yield MESSAGE_START, {"type": "message_start", "message": empty_message(self._head)}

    def fold(self, entry: Entry) -> Iterator[tuple[FrameId, Frame]]:
        """The frames that come of the log's next entry; none for many."""
        # A list first: the fold's state must move on even where the reader has every frame.
        for index, frame in enumerate(list(self._frames(entry.event))):
            frame_id = FrameId.at(entry.position, index)
            if frame_id > self._after:
                yield frame_id, frame

    def _frames(self, event: Event) -> Iterator[Frame]:
        match event:
            case Started():
                return
            case Delta(_, text):
                yield from self._text(text)
            case Finished():
                yield from self._end(event)
            case Failed() | Canceled() | Expired():
                yield envelope(error_of(event), self._request_id)

    def _text(self, text: str) -> Iterator[Frame]:
        if not text:
            return
        if not self._in_block:
            self._in_block = True
            yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}

    def _end(self, event: Finished) -> Iterator[Frame]:
        if self._in_block:
            self._in_block = False
            yield {"type": "content_block_stop", "index": 0}
        yield {
            "type": "message_delta",
            "delta": {"stop_reason": event.reason, "stop_sequence": event.stop_sequence, "stop_details": None},
            "usage": final_usage(self._head, event),
        }
        yield {"type": "message_stop"}
