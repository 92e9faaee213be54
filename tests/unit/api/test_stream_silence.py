"""Streams that wait for long: they look at Redis less and less often, so that thousands of them cost little."""

from typing import cast

from api.log_reader import LogReader
from api.mailbox import Mailbox
from api.reading import FORGOTTEN_TICKS, MOST_TICKS, _is_due
from api.stream_hub import LONGEST_SILENCE_S, SILENCE_S, _Reader
from queue_config.event_log import START, Entry, EventLog, Position
from queue_config.events import Started

ENTRY = Entry("msg_x", Position(1, 1), Started(1, "w"))


class ScriptedLog:
    """Finds what it was told to, look by look; then nothing."""

    def __init__(self, *found: list[Entry]) -> None:
        self._found = list(found)

    def read(self, _job_id: str, _after: Position) -> list[Entry]:
        return self._found.pop(0) if self._found else []


def test_each_look_at_the_log_that_finds_nothing_doubles_the_time_to_the_next_until_something_comes() -> None:
    log = ScriptedLog([], [], [], [], [ENTRY])
    reader = _Reader(LogReader(cast(EventLog, log)), "msg_x", START, Mailbox())
    silences = [reader._silence_s]
    for _ in range(5):
        reader._look()
        silences.append(reader._silence_s)

    assert silences == [SILENCE_S, 4.0, 8.0, LONGEST_SILENCE_S, LONGEST_SILENCE_S, SILENCE_S]


def test_the_record_is_looked_for_at_ticks_that_double_and_then_regularly() -> None:
    due = [tick for tick in range(3 * MOST_TICKS + 1) if _is_due(tick)]

    assert due == [FORGOTTEN_TICKS, 8, 16, MOST_TICKS, 2 * MOST_TICKS, 3 * MOST_TICKS]
