"""Whether what is said to Redis, prompts and answers, stays on this machine or is encrypted on its way."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from queue_config.redis_url import apart

_PLAIN = frozenset({"redis", "redis+sentinel"})


def is_private(url: str) -> bool:
    """True for Unix sockets, TLS, and where every host is this machine; a name is not looked up."""
    parts = apart(url)
    if parts.scheme.lower() not in _PLAIN:
        return True
    return all(_is_here(urlsplit(f"//{host}").hostname or "localhost") for host in parts.hosts.split(","))


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
