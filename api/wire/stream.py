"""MessageStream: folds a request's events into the frames of a legal stream; it alone knows their order."""

from collections.abc import Iterator
from typing import Any

from api.wire.blocks import BlockFrames, Kind
from api.wire.errors import envelope
from api.wire.frame_id import BEFORE_ALL, MESSAGE_START, FrameId
from api.wire.message import MessageHead, empty_message, error_of, remarks, summary
from queue_config.event_log import Entry
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished, Started
from queue_config.pieces import Piece

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
        self._at = MESSAGE_START
        """How far the fold has come."""
        self._blocks = BlockFrames(head.signing)
        self._pieces: list[Piece] = []
        """Kept only where somebody judges the whole."""

    def start(self) -> Iterator[tuple[FrameId, Frame]]:
        """`message_start`, unless the reader has it."""
        if self._after < MESSAGE_START:
            yield MESSAGE_START, {"type": "message_start", "message": empty_message(self._head)}

    def fold(self, entry: Entry) -> Iterator[tuple[FrameId, Frame]]:
        """The frames that come of the log's next entry; none for many."""
        # A list first: the fold's state must move on even where the reader has every frame.
        for index, frame in enumerate(list(self._frames(entry.event))):
            frame_id = self._at = FrameId.at(entry.position, index)
            if frame_id > self._after:
                yield frame_id, frame

    def keep_alive(self, *, may_open: bool) -> Frame | None:
        """A frame that says nothing, for clients that don't count pings; None where there is no place for one.

        It has no id, since no other reader gets it. With `may_open` it may open the first block before there is
        anything in it: only for readers that can't come back, for whom the block would be opened again.
        """
        if self._at < self._after:
            return None
        first: Kind = "thinking" if "thinks" in self._head.manner else "text"
        return self._blocks.keep_alive(first if may_open else None)

    def _frames(self, event: Event) -> Iterator[Frame]:
        match event:
            case Started():
                return
            case Delta(_, pieces):
                if "safeguards" in self._head.manner:
                    self._pieces += pieces
                for piece in pieces:
                    yield from self._blocks.push(piece)
            case Finished():
                yield from self._end(event)
            case Failed() | Canceled() | Expired():
                yield envelope(error_of(event), self._request_id)

    def _end(self, event: Finished) -> Iterator[Frame]:
        yield from self._blocks.close()
        delta = summary(self._head, event, self._pieces)
        usage = delta.pop("usage")
        yield {"type": "message_delta", "delta": delta, "usage": usage} | remarks(self._head)
        yield {"type": "message_stop"}
