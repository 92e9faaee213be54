"""Redis clients that lose commands: on their way there, or their replies on the way back, after they were done."""

from collections.abc import Callable
from typing import Any, Literal

from redis import Redis
from redis.exceptions import TimeoutError as RedisSlow

from queue_config.connection import connect

Loss = Literal["command", "reply"]


def loses_one_multi(url: str, *, is_done: bool) -> Redis:
    """The first MULTI that ends fails as it does when Redis freezes; `is_done` says whether Redis has done it."""
    redis = connect(url)
    lose_one(redis, lambda sent: b"EXEC" in sent, is_done=is_done)
    return redis


def lose_one(redis: Redis, is_it: Callable[[bytes], bool], *, is_done: bool) -> None:
    """Lose the first of a client's commands that `is_it`."""
    left: list[Loss] = ["reply" if is_done else "command"]
    lose(redis, lambda sent: left.pop() if left and is_it(sent) else None)


def lose(redis: Redis, chosen: Callable[[bytes], Loss | None]) -> None:
    """Lose what is `chosen`, by the bytes that are sent, as when Redis freezes; on connections yet to be made."""

    class Deaf(redis.connection_pool.connection_class):  # type: ignore[misc,name-defined]
        _loss: Loss | None = None

        def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            self._loss = chosen(command if isinstance(command, bytes) else b"".join(command))
            if self._loss != "command":
                super().send_packed_command(command, check_health)

        def read_response(self, *args: Any, **kwargs: Any) -> Any:
            if self._loss is None:
                return super().read_response(*args, **kwargs)
            if self._loss == "reply":
                # Redis answers to no part of it before it has done all.
                super().read_response(*args, **kwargs)
            self._loss = None
            raise RedisSlow("Timeout reading from socket")

    redis.connection_pool.connection_class = Deaf
