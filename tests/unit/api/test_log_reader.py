"""LogReader: one stream asks a silent Redis, and the others wait for what becomes of that."""

from dataclasses import dataclass, field
from typing import cast

from api.log_reader import PAUSE_S, LogReader
from queue_config.connection import RedisDown
from queue_config.event_log import START, Entry, EventLog, Position

FOUND: list[Entry] = []


@dataclass
class FlakyLog:
    is_away: bool = True
    asked: list[str] = field(default_factory=list)

    def read(self, job_id: str, _after: Position) -> list[Entry]:
        self.asked.append(job_id)
        if self.is_away:
            raise RedisDown
        return FOUND


def test_a_redis_that_fails_is_asked_once_in_a_while_by_one() -> None:
    log, now = FlakyLog(), 0.0
    reader = LogReader(cast(EventLog, log), clock=lambda: now)
    answers = [reader.read("a", START), reader.read("b", START)]
    now = PAUSE_S
    answers += [reader.read("b", START), reader.read("c", START)]
    log.is_away, now = False, 2 * PAUSE_S
    answers += [reader.read("c", START), reader.read("d", START)]

    assert log.asked == ["a", "b", "c", "d"]
    assert answers == [None, None, None, None, FOUND, FOUND]
