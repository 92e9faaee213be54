"""Chore: work of the service as a whole, done again and again by one API process at a time."""

import logging
from collections.abc import Callable

from queue_config.chore_lease import ChoreLease
from queue_config.connection import RedisError
from queue_config.rounds import Rounds

STANDBY_S = 1.0
"""How often a process without the lease tries for it, and how long one waits after a failure."""

_logger = logging.getLogger(__name__)


def chore(name: str, lease: ChoreLease, turn: Callable[[], float]) -> Rounds:
    """Not started; `turn` as in Rounds, by whoever holds the lease."""

    def with_lease() -> float:
        return turn() if lease.hold() else STANDBY_S

    def release() -> None:
        try:
            lease.release()
        except RedisError:
            _logger.info("a lease is left to run out", extra={"rounds": name})

    return Rounds(name, with_lease, failed_pause_s=STANDBY_S, at_end=release)
