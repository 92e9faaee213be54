"""Redis clients that lose one command: on its way there, or its reply on the way back, after it was done."""

from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import TimeoutError as RedisSlow

from queue_config.connection import connect


def loses_one_multi(url: str, *, is_done: bool) -> Redis:
    """The first MULTI that ends fails as it does when Redis freezes; `is_done` says whether Redis has done it."""
    redis = connect(url)
    lose_one(redis, lambda sent: b"EXEC" in sent, is_done=is_done)
    return redis


def lose_one(redis: Redis, is_it: Callable[[bytes], bool], *, is_done: bool) -> None:
    """Lose the first of a client's commands that `is_it`, which is given its bytes; on connections yet to be made."""
    left = [1]

    class Deaf(redis.connection_pool.connection_class):  # type: ignore[misc,name-defined]
        _hears = True

        def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            if left and is_it(command if isinstance(command, bytes) else b"".join(command)):
                left.clear()
                self._hears = False
                if not is_done:
                    return
            super().send_packed_command(command, check_health)

        def read_response(self, *args: Any, **kwargs: Any) -> Any:
            if self._hears:
                return super().read_response(*args, **kwargs)
            if is_done:
                # Redis answers to no part of it before it has done all.
                super().read_response(*args, **kwargs)
            self._hears = True
            raise RedisSlow("Timeout reading from socket")

    redis.connection_pool.connection_class = Deaf
