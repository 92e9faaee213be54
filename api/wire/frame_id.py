"""FrameId: where in a stream a frame stands, so that a reader can go on exactly behind it.

One log entry folds into any number of frames, so the id is the entry's position and the frame's number within the
entry. `message_start` comes from the job's record, before any entry.
"""

import re
from typing import NamedTuple, Self

from queue_config.errors import InvalidRequest
from queue_config.event_log import Position

_FORM = re.compile(r"([0-9]{1,9})-([0-9]{1,12})\.([0-9]{1,9})")


class FrameId(NamedTuple):
    attempt: int
    seq: int
    part: int

    def __str__(self) -> str:
        return f"{self.attempt}-{self.seq}.{self.part}"

    @classmethod
    def at(cls, position: Position, part: int) -> Self:
        return cls(position.attempt, position.seq, part)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a `Last-Event-ID`; raise InvalidRequest where it is none of ours."""
        found = _FORM.fullmatch(text)
        if not found:
            raise InvalidRequest("last-event-id: should be the id of an event of this stream")
        return cls(*(int(number) for number in found.groups()))


MESSAGE_START = FrameId(0, 0, 0)
BEFORE_ALL = FrameId(-1, 0, 0)
"""What a reader who has seen nothing comes from."""
