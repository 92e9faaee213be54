"""Who may ask: one check before every route, WebSockets included; api.scopes says what each route wants."""

import hmac
from ipaddress import ip_address

from flask import Flask, Request, g, request

from api.attempts import Attempts
from api.caller import Caller, tenant
from api.cors import allow, is_preflight
from api.scopes import need_of
from queue_config.api_keys import KeyFile
from queue_config.errors import BadSetting, Forbidden, Unauthenticated
from queue_config.settings import Settings

LIVENESS = "health.live"
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


def guard(app: Flask, settings: Settings) -> None:
    """Refuse, before any work, what a foreign web page sent, and who lacks a key or its scope."""
    hosts = _LOOPBACK_HOSTS | {settings.host.lower()} | _words(settings.allowed_hosts)
    origins = _words(settings.allowed_origins)
    door = _Door(settings.api_key, KeyFile(settings.home))

    @app.before_request
    def check() -> None:
        g.caller = Caller()
        if request.endpoint == LIVENESS:
            # Whoever watches over processes may know the service by other names.
            return
        _check_host(request, hosts, served_host=settings.host)
        _check_origin(request, origins)
        need = need_of(request.endpoint)
        if need == "open" or is_preflight(origins):
            return
        if door.is_shut:
            g.caller = door.caller(request)
            if need != "any" and need not in g.caller.scopes:
                raise Forbidden(f"This API key's scopes don't include {need or 'this route'}.")

    allow(app, origins)


def require_key(settings: Settings) -> None:
    """Raise BadSetting where others could reach the service and nobody would ask them for a key."""
    if settings.api_key or KeyFile(settings.home).exists or _is_loopback(settings.host):
        return
    raise BadSetting(
        f"PENSIEVE_HOST={settings.host} lets other machines in, and there is no key yet. Make one with "
        "`pensieve keys create NAME` (make setup installs the command), or set PENSIEVE_API_KEY."
    )


def _check_host(asked: Request, hosts: frozenset[str], *, served_host: str) -> None:
    """A page whose name was rebound to our address still sends its own name as Host."""
    host = asked.headers.get("Host")
    if host is None:
        # No browser leaves it out.
        return
    name = _without_port(host.lower())
    if name in hosts:
        return
    # No name can be rebound to what is an address already.
    if served_host in _ANY_ADDRESS and _is_address(name):
        return
    raise Forbidden("The Host header names no address that this service answers to.")


def _check_origin(asked: Request, others: frozenset[str]) -> None:
    """Browsers send Origin with what a page may do without asking, a WebSocket above all; no SDK sends it."""
    origin = asked.headers.get("Origin")
    if origin is not None and origin.lower() not in {f"{asked.scheme}://{asked.host}".lower(), *others}:
        raise Forbidden("Requests from other origins are not allowed.")


class _Door:
    """Knows callers by their keys."""

    def __init__(self, own_key: str, keys: KeyFile) -> None:
        self._own_key = own_key
        self._keys = keys
        self._attempts = Attempts()

    @property
    def is_shut(self) -> bool:
        """Whether a key is asked for at all."""
        return bool(self._own_key) or self._keys.exists

    def caller(self, asked: Request) -> Caller:
        """Raise Unauthenticated, or RateLimited where too many wrong keys came from one address."""
        given = _keys(asked)
        if not given:
            raise Unauthenticated("x-api-key header is required")
        if len(given) > 1:
            raise Unauthenticated("x-api-key and Authorization disagree")
        key = given.pop()
        known = self._keys.find(key)
        if known is not None:
            return Caller(tenant=tenant(known.digest), scopes=known.scopes, limits=known.limits, is_owner=False)
        address = asked.remote_addr or ""
        self._attempts.check(address)
        if self._own_key and hmac.compare_digest(key.encode(errors="surrogateescape"), self._own_key.encode()):
            return Caller(tenant=tenant(key))
        self._attempts.failed(address)
        raise Unauthenticated("invalid x-api-key")


def _keys(asked: Request) -> set[str]:
    keys = {asked.headers.get("X-Api-Key", "")}
    scheme, _, token = asked.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        keys.add(token.strip())
    return keys - {""}


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip().lower() for word in text.split(",") if word.strip())


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


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)
