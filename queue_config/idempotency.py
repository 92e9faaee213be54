"""Idempotency: what was accepted under a client's key, claimed in the same step as the acceptance itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError

from queue_config import keys
from queue_config.errors import Conflict


@dataclass(frozen=True, slots=True)
class Claim:
    """A client's wish that this very request be accepted only once."""

    tenant: str
    digest: str
    """Hash of the client's key, which may be anything."""
    fingerprint: str
    """Hash of what is asked for; the same key may not come with another one."""

    @property
    def redis_key(self) -> str:
        return keys.idempotency(self.tenant, self.digest)


def holder(redis: Redis, claim: Claim, record_key: Callable[[str], str]) -> str | None:
    """The id that was accepted under this claim and still has a record, whose Redis key `record_key` tells.

    Raises Conflict where the key came with another request.
    """
    found = cast(bytes | None, redis.get(claim.redis_key))
    if found is None:
        return None
    fingerprint, _, accepted_id = found.decode().partition(" ")
    if not redis.exists(record_key(accepted_id)):
        # What it stood for is forgotten, so the key is free again.
        return None
    if fingerprint != claim.fingerprint:
        raise Conflict("idempotency-key: was used before with a different request")
    return accepted_id


def accept_once(
    redis: Redis,
    accepted_id: str,
    claim: Claim | None,
    add: Callable[[Pipeline], Any],
    *,
    record_key: Callable[[str], str],
    ttl_s: int,
) -> str:
    """Run what `add` queues in one MULTI, and the claim with it; return the id that the claim stands for.

    That is `accepted_id`, or what was accepted under the same claim before, in which case nothing is added. Raises
    Conflict as `holder` does. After a RedisError the outcome is unknown, and the claim tells it later.
    """
    with redis.pipeline() as pipe:
        while True:
            if claim is not None:
                pipe.watch(claim.redis_key)  # type: ignore[no-untyped-call]
                held = holder(redis, claim, record_key)
                if held is not None:
                    return held
                pipe.multi()
                pipe.set(claim.redis_key, f"{claim.fingerprint} {accepted_id}", ex=ttl_s)
            add(pipe)
            try:
                pipe.execute()
            except WatchError:
                # Somebody else came with the same key in this instant.
                continue
            return accepted_id
