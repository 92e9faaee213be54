"""Asking the running API how it is."""

import http.client
from dataclasses import dataclass
from enum import Enum

import orjson

from deploy.ports import reachable

_PATIENCE_S = 5.0


class Health(Enum):
    SILENT = "silent"
    """Nobody answers at the address."""
    REFUSED = "refused"
    """It wants a key, or another one."""
    NOT_READY = "not ready"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Answer:
    health: Health
    reason: str = ""
    """What it is not ready for, in the API's words."""


def ask(host: str, port: int, path: str = "/health/ready", *, api_key: str = "") -> Answer:
    """With a key set, the service tells of its readiness only to who has it."""
    try:
        status, body = get(host, port, path, api_key=api_key, patience_s=_PATIENCE_S)
    except (OSError, http.client.HTTPException):
        return Answer(Health.SILENT)
    if status == http.HTTPStatus.UNAUTHORIZED:
        return Answer(Health.REFUSED, "it wants its key in PENSIEVE_API_KEY")
    return Answer(Health.READY) if status == http.HTTPStatus.OK else Answer(Health.NOT_READY, _reason(body))


def get(host: str, port: int, path: str, *, api_key: str, patience_s: float) -> tuple[int, bytes]:
    """Status and body of what the service answers. Raises OSError or HTTPException where it doesn't."""
    connection = http.client.HTTPConnection(reachable(host), port, timeout=patience_s)
    try:
        connection.request("GET", path, headers={"x-api-key": api_key} if api_key else {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _reason(body: bytes) -> str:
    """Why the checks that failed did; empty if the body says nothing of the kind."""
    try:
        checks = orjson.loads(body)["checks"].values()
        return "; ".join(check["why"] for check in checks if not check["ok"])
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return ""
