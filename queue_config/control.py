"""Control: what the API tells workers about requests on their way (wake up, cancel)."""

from collections.abc import Callable, Collection
from typing import Any, cast

from redis import Redis

from queue_config import keys
from queue_config.subscription import Subscription

FLAG_TTL_S = 3600
_CANCEL = b"cancel:"


class Control:
    """A cancel is a flag, which can't be lost, and a message, which is fast; workers look at both."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def cancel(self, job_id: str) -> None:
        with self._redis.pipeline() as pipe:
            pipe.set(keys.canceled(job_id), 1, ex=FLAG_TTL_S)
            pipe.publish(keys.CONTROL, _CANCEL + job_id.encode())
            pipe.execute()

    def canceled_among(self, job_ids: Collection[str]) -> list[str]:
        if not job_ids:
            return []
        flags = cast(list[Any], self._redis.mget([keys.canceled(job_id) for job_id in job_ids]))
        return [job_id for job_id, flag in zip(job_ids, flags, strict=True) if flag]


def listen(url: str, *, on_wake: Callable[[], None], on_cancel: Callable[[str], None]) -> Subscription:
    """A worker's ear, not yet started; a gap in what it heard counts as a wake-up."""

    def on_message(message: bytes) -> None:
        if message.startswith(_CANCEL):
            on_cancel(message.removeprefix(_CANCEL).decode())
        else:
            on_wake()

    return Subscription(url, keys.CONTROL, on_message, on_wake)
