"""The connections that our clients are made of: they tell refusals apart, and leave a server that was demoted."""

from collections.abc import Mapping, Sequence
from typing import Any

from redis.connection import Connection, DefaultParser, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ReadOnlyError, ResponseError
from redis.sentinel import Sentinel


class RedisRefuses(ResponseError):
    """Writes are refused for now, and the server says why: a full disk, too few replicas, a script without end."""


_REFUSALS = ("MISCONF", "NOREPLICAS", "BUSY")


class _Parser(DefaultParser):  # type: ignore[misc, valid-type]
    """redis-py knows these only as errors among others."""

    EXCEPTION_CLASSES = DefaultParser.EXCEPTION_CLASSES | dict.fromkeys(_REFUSALS, RedisRefuses)


class _Plain:
    def __init__(self, **options: Any) -> None:
        super().__init__(parser_class=_Parser, **options)  # type: ignore[call-arg]

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]
        except ReadOnlyError:
            # Another server is the master now; only a new connection finds it, by its name or by Sentinel.
            self.disconnect()  # type: ignore[attr-defined]
            raise


class _Mastered(_Plain):
    """Asks the Sentinels where the master is, anew for each connection.

    redis-py's own would leave a connection open whose reply was not waited for, so that the next one reads it.
    """

    def __init__(
        self, *, sentinels: Sequence[tuple[str, int]], service: str, asking: Mapping[str, Any], **options: Any
    ) -> None:
        """`asking` is how Sentinels are connected to, in redis-py's words."""
        super().__init__(**options)
        self._sentinels = sentinels
        self._service = service
        self._asking = asking

    def _connect(self) -> Any:
        # Not shared: redis-py's Sentinel reorders its list, which two threads at once would spoil.
        sentinel = Sentinel(self._sentinels, sentinel_kwargs=dict(self._asking))  # type: ignore[no-untyped-call]
        try:
            self.host, self.port = sentinel.discover_master(self._service)  # type: ignore[no-untyped-call]
        finally:
            sentinel.close()
        return super()._connect()  # type: ignore[misc]


class TcpConnection(_Plain, Connection): ...


class TlsConnection(_Plain, SSLConnection): ...


class SocketConnection(_Plain, UnixDomainSocketConnection): ...


class MasterConnection(_Mastered, Connection): ...


class MasterTlsConnection(_Mastered, SSLConnection): ...
