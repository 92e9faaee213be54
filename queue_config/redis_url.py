"""Redis URLs: what connection each one stands for, and which of its options are whose."""

from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection, parse_url

from queue_config.redis_wire import (
    MasterConnection,
    MasterTlsConnection,
    SocketConnection,
    TcpConnection,
    TlsConnection,
)

SENTINEL_PORT = 26379
_SENTINEL = "+sentinel"
_SENTINEL_OPTION = "sentinel_"
_FORM = "redis+sentinel://host:port,host:port/service/db"
_CLASSES: dict[type, type] = {
    Connection: TcpConnection,
    SSLConnection: TlsConnection,
    UnixDomainSocketConnection: SocketConnection,
}


class Address(NamedTuple):
    """A connection's class, and what it is made with besides time-outs."""

    connection_class: type
    options: dict[str, Any]
    asking: dict[str, Any] | None = None
    """How to connect to Sentinels, where there are any."""


def parse(url: str) -> Address:
    """redis://, rediss:// (TLS), unix://, redis+sentinel:// or rediss+sentinel://. Raises ValueError for another."""
    scheme = url.partition("://")[0]
    if scheme.endswith(_SENTINEL):
        return _sentinel(url, scheme.removesuffix(_SENTINEL))
    options = parse_url(url)  # type: ignore[no-untyped-call]
    return Address(_CLASSES[options.pop("connection_class", Connection)], options)


def without_password(url: str) -> str:
    """For messages and logs; options may hold a Sentinel's password."""
    scheme, mark, hosts, parts = apart(url)
    return f"{scheme}{mark}{hosts.rpartition('@')[2]}{parts.path}"


def without_user(url: str) -> str:
    """As somebody would connect who knows where Redis is, and no password."""
    scheme, mark, hosts, parts = apart(url)
    kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in {"username", "password"}]
    return f"{scheme}{mark}{hosts.rpartition('@')[2]}{parts.path}" + (f"?{'&'.join(kept)}" if kept else "")


def apart(url: str) -> tuple[str, str, str, SplitResult]:
    """Scheme, what parts it from the rest, hosts with user and password, and path and query.

    urllib refuses hosts of which one that isn't the first stands in brackets.
    """
    scheme, mark, rest = url.partition("://")
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    return scheme, mark, rest[:end], urlsplit(f"//-{rest[end:]}")


def _sentinel(url: str, scheme: str) -> Address:
    _, _, netloc, parts = apart(url)
    user, at, hosts = netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not hosts or not service or (database and not database.isdecimal()):
        raise ValueError(f"a Sentinel URL looks like {_FORM}")
    plain = f"{scheme}://{user}{at}master/{database or 0}?{parts.query}"
    options = parse_url(plain)  # type: ignore[no-untyped-call]
    is_tls = options.pop("connection_class", Connection) is SSLConnection
    del options["host"]
    own = [name for name in options if name.startswith(_SENTINEL_OPTION)]
    asking = {name.removeprefix(_SENTINEL_OPTION): options.pop(name) for name in own}
    if is_tls:
        asking |= {"ssl": True} | {name: value for name, value in options.items() if name.startswith("ssl_")}
    sentinels = [_host(text) for text in hosts.split(",")]
    kind = MasterTlsConnection if is_tls else MasterConnection
    return Address(kind, {**options, "sentinels": sentinels, "service": service}, asking)


def _host(text: str) -> tuple[str, int]:
    """An IPv6 address stands in brackets."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(f"a Sentinel URL looks like {_FORM}")
    return parts.hostname, parts.port or SENTINEL_PORT
