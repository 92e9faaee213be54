"""Who may ask: one check before every route, WebSockets included, except GET /health and the greetings."""

import hashlib
import hmac
from ipaddress import ip_address

from flask import Flask, Request, request

from queue_config.errors import Forbidden, Unauthenticated
from queue_config.settings import Settings

OPEN_ENDPOINTS = frozenset({"health.live", "greetings.hello"})
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


def guard(app: Flask, settings: Settings) -> None:
    """Refuse, before any work, what a foreign web page sent or who lacks the key."""

    @app.before_request
    def check() -> None:
        if request.endpoint in OPEN_ENDPOINTS:
            return
        _check_host(request, settings.host)
        _check_origin(request)
        if settings.api_key:
            _check_key(request, settings.api_key)


def tenant(key: str) -> str:
    """A short name for whoever holds this key, from which the key can't be read; "" where none is asked for."""
    return hashlib.sha256(f"pensieve tenant {key}".encode()).hexdigest()[:16] if key else ""


def _check_host(asked: Request, served_host: str) -> None:
    """A page whose name was rebound to our address still sends its own name as Host."""
    host = asked.headers.get("Host")
    if host is None:
        # No browser leaves it out.
        return
    name = _without_port(host.lower())
    if name in _LOOPBACK_HOSTS or name == served_host.lower():
        return
    # No name can be rebound to what is an address already.
    if served_host in _ANY_ADDRESS and _is_address(name):
        return
    raise Forbidden("The Host header names no address that this service answers to.")


def _check_origin(asked: Request) -> None:
    """Browsers send Origin with what a page may do without asking, a WebSocket above all; no SDK sends it."""
    origin = asked.headers.get("Origin")
    if origin is not None and origin.lower() != f"{asked.scheme}://{asked.host}".lower():
        raise Forbidden("Requests from other origins are not allowed.")


def _check_key(asked: Request, key: str) -> None:
    given = _keys(asked)
    if not given:
        raise Unauthenticated("x-api-key header is required")
    if len(given) > 1:
        raise Unauthenticated("x-api-key and Authorization disagree")
    if not hmac.compare_digest(given.pop().encode(), key.encode()):
        raise Unauthenticated("invalid x-api-key")


def _keys(asked: Request) -> set[str]:
    keys = {asked.headers.get("X-Api-Key", "")}
    scheme, _, token = asked.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        keys.add(token.strip())
    return keys - {""}


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
