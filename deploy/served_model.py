"""Asking a running service which model it serves, and how much fits into it."""

import http.client
from dataclasses import dataclass
from typing import Self

import orjson

from deploy.failure import Failure
from deploy.health import get
from deploy.running import Running

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class ServedModel:
    name: str
    """What requests call it."""
    context_tokens: int
    """Prompt and answer together."""

    @classmethod
    def of(cls, running: Running, api_key: str) -> Self:
        """The model behind a service that is ready; Failure where it won't say."""
        try:
            status, body = get(running.host, running.port, "/v1/models", api_key=api_key, patience_s=_PATIENCE_S)
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"{running.url} does not answer ({error}); see `pensieve logs api`.") from error
        if status == http.HTTPStatus.UNAUTHORIZED:
            raise Failure(f"The service at {running.url} wants another key; set PENSIEVE_API_KEY to the one it has.")
        if status != http.HTTPStatus.OK:
            raise Failure(f"The service at {running.url} answered {status} to GET /v1/models.")
        info = orjson.loads(body)["data"][0]
        return cls(info["id"], info["max_input_tokens"])
