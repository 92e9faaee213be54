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
    connection = http.client.HTTPConnection(reachable(host), port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", path, headers={"x-api-key": api_key} if api_key else {})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return Answer(Health.SILENT)
    finally:
        connection.close()
    if response.status == http.HTTPStatus.UNAUTHORIZED:
        return Answer(Health.REFUSED, "it wants its key in PENSIEVE_API_KEY")
    return Answer(Health.READY) if response.status == http.HTTPStatus.OK else Answer(Health.NOT_READY, _reason(body))


def _reason(body: bytes) -> str:
    """Why the checks that failed did; empty if the body says nothing of the kind."""
    try:
        checks = orjson.loads(body)["checks"].values()
        return "; ".join(check["why"] for check in checks if not check["ok"])
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return ""
