"""Caller: who sent the request at hand, and what that entitles to."""

import hashlib
from dataclasses import dataclass
from typing import cast

from flask import g

from queue_config.api_keys import SCOPES, UNLIMITED, Limits, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    tenant: str = ""
    """Whose jobs, batches, cache and usage these are: one key's, or "" where no key is asked for."""
    scopes: tuple[Scope, ...] = SCOPES
    limits: Limits = UNLIMITED
    is_owner: bool = True
    """Whose service it is: nobody else's requests keep a place free from his. False for keys that were given out."""


def caller() -> Caller:
    """As api.auth found it; there is one in every request that reaches a view."""
    return cast(Caller, g.caller)


def tenant(key: str) -> str:
    """A short name for whoever holds this key, from which the key can't be read; "" where none is asked for."""
    return hashlib.sha256(f"pensieve tenant {key}".encode()).hexdigest()[:16] if key else ""
