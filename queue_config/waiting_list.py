"""What waits in a model's queues, lane by lane, for those who watch."""

from dataclasses import dataclass

from redis import Redis

from queue_config import keys, rq_keys
from queue_config.request import LANES, Lane


@dataclass(frozen=True, slots=True)
class WaitingLane:
    lane: Lane
    count: int
    ids: tuple[str, ...]
    """The first of them, in the order in which workers take them."""


def waiting_lanes(redis: Redis, model: str, limit: int) -> tuple[WaitingLane, ...]:
    """All lanes, each with the ids of up to `limit` requests."""
    with redis.pipeline(transaction=False) as pipe:
        for lane in LANES:
            key = rq_keys.queue(keys.queue(model, lane))
            pipe.llen(key)
            pipe.lrange(key, 0, limit - 1)
        found = pipe.execute()
    return tuple(
        WaitingLane(lane, count, tuple(job_id.decode() for job_id in ids))
        for lane, count, ids in zip(LANES, found[::2], found[1::2], strict=True)
    )
