"""Where a webhook may go: a URL is checked when it is given, and the address that it leads to when it is called.

The name is resolved once and the connection made to the very address that was checked, so no second answer of a DNS
server can lead it elsewhere.
"""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from queue_config.errors import InvalidRequest

MAX_URL = 2_048
_PORTS = {"https": 443, "http": 80}
_NAT64 = IPv6Network("64:ff9b::/96")


class Unreachable(Exception):
    """The name leads nowhere just now."""


class NotAllowed(Exception):
    """It leads where no webhook may go."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was checked, and what to say there."""

    address: str
    port: int
    scheme: str
    host: str
    path: str


def check_url(url: str, field: str, *, allow_private: bool) -> str:
    """The URL; InvalidRequest, naming `field`, where no webhook could go there whatever a DNS server says."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidRequest(f"{field}: should be a URL of at most {MAX_URL} plain ASCII characters")
    try:
        parts, _ = _split(url)
    except ValueError:
        raise InvalidRequest(f"{field}: should be an https URL") from None
    if parts.scheme != "https" and not allow_private:
        raise InvalidRequest(f"{field}: should be an https URL")
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest(f"{field}: may not carry a user name or password")
    literal = _literal(parts.hostname or "")
    if literal is not None and not (allow_private or is_public(literal)):
        raise InvalidRequest(f"{field}: leads to an address that is not public")
    return url


def locate(url: str, *, allow_private: bool) -> Target:
    """Resolve the name, once. Raises Unreachable or NotAllowed."""
    parts, port = _split(url)
    if parts.scheme != "https" and not allow_private:
        raise NotAllowed("plain http")
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"the name can't be resolved: {error}") from error
    addresses = [str(address[0]).partition("%")[0] for *_, address in found]
    # One that is not public among others that are is somebody's try.
    if not allow_private and not all(is_public(ip_address(address)) for address in addresses):
        raise NotAllowed("an address that is not public")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(addresses[0], port, parts.scheme, host, path)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it belongs to one host of the open internet, however it is written."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _split(url: str) -> tuple[SplitResult, int]:
    """Its parts and port. Raises ValueError for what is no URL of HTTP's."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(url)
    return parts, parts.port or _PORTS[parts.scheme]


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
