"""Redis URLs: what connection each one stands for, and which of its options are whose."""

from typing import Any, NamedTuple
from urllib.parse import urlsplit

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


class Parts(NamedTuple):
    """Of a URL's text; put one behind the other, with a question mark before the query, they make it again."""

    scheme: str
    mark: str
    """What parts it from the rest."""
    user: str
    """With the password, and the @ behind it."""
    hosts: str
    path: str
    query: str


def parse(url: str) -> Address:
    """redis://, rediss:// (TLS), unix://, redis+sentinel:// or rediss+sentinel://. Raises ValueError for another."""
    scheme = url.partition("://")[0]
    if scheme.endswith(_SENTINEL):
        return _sentinel(url, scheme.removesuffix(_SENTINEL))
    options = parse_url(url)  # type: ignore[no-untyped-call]
    return Address(_CLASSES[options.pop("connection_class", Connection)], options)


def without_password(url: str) -> str:
    """For messages and logs; options may hold a Sentinel's password."""
    parts = apart(url)
    return f"{parts.scheme}{parts.mark}{parts.hosts}{parts.path}"


def without_user(url: str) -> str:
    """As somebody would connect who knows where Redis is, and no password."""
    query = apart(url).query
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in {"username", "password"}]
    return without_password(url) + (f"?{'&'.join(kept)}" if kept else "")


def apart(url: str) -> Parts:
    """urllib by itself refuses hosts of which one that isn't the first stands in brackets."""
    scheme, mark, rest = url.partition("://")
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    user, at, hosts = rest[:end].rpartition("@")
    tail = urlsplit(f"//-{rest[end:]}")
    return Parts(scheme, mark, f"{user}{at}", hosts, tail.path, tail.query)


def _sentinel(url: str, scheme: str) -> Address:
    parts = apart(url)
    service, _, database = parts.path.strip("/").partition("/")
    if not parts.hosts or not service or (database and not database.isdecimal()):
        raise ValueError(f"a Sentinel URL looks like {_FORM}")
    plain = f"{scheme}://{parts.user}master/{database or 0}?{parts.query}"
    options = parse_url(plain)  # type: ignore[no-untyped-call]
    is_tls = options.pop("connection_class", Connection) is SSLConnection
    del options["host"]
    own = [name for name in options if name.startswith(_SENTINEL_OPTION)]
    asking = {name.removeprefix(_SENTINEL_OPTION): options.pop(name) for name in own}
    if is_tls:
        asking |= {"ssl": True} | {name: value for name, value in options.items() if name.startswith("ssl_")}
    sentinels = [_host(text) for text in parts.hosts.split(",")]
    kind = MasterTlsConnection if is_tls else MasterConnection
    return Address(kind, {**options, "sentinels": sentinels, "service": service}, asking)


def _host(text: str) -> tuple[str, int]:
    """An IPv6 address stands in brackets."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(f"a Sentinel URL looks like {_FORM}")
    return parts.hostname, parts.port or SENTINEL_PORT
