"""What durability the connected Redis gives, said at the start of every process, and again whenever it changes."""

import logging

from redis import Redis

from queue_config.redis_state import UNTOLD, RedisState, read
from queue_config.rounds import Rounds

EVERY_S = 15.0
FAILED_S = 2.0

log = logging.getLogger(__name__)


class RedisWatch:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._told: tuple[str, ...] = ()

    def turn(self) -> float:
        """Look once, and log what is new. Raises RedisError."""
        state = read(self._redis)
        told = (UNTOLD,) if state is None else (state.version, state.role, state.promise, *state.risks)
        if told != self._told:
            self._told = told
            _tell(state)
        return EVERY_S


def _tell(state: RedisState | None) -> None:
    if state is None:
        log.warning(UNTOLD)
        return
    facts = {"version": state.version, "role": state.role, "durability": state.durability, "policy": state.policy}
    log.info("Redis: %s", state.promise, extra={**facts, "max_bytes": state.limit_bytes})
    for risk in state.risks:
        log.warning(risk)


def redis_watch(redis: Redis) -> Rounds:
    """Not started."""
    return Rounds("redis watch", RedisWatch(redis).turn, failed_pause_s=FAILED_S)
