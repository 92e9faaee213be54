"""Reaper: takes from dead workers what they had; every API and worker process has one, and any may do all of it."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

from redis import Redis

from queue_config import keys, rq_keys
from queue_config.events import Failed
from queue_config.lease import Leases
from queue_config.reaper_steps import Started, Steps, Verdict
from queue_config.rq_time import as_rq_writes

TRUST_S = 3.0
"""A lease that is missing counts only after so long without a pause in our own talks with Redis: while Redis is away
nobody can renew, and whoever asks first when it is back must not bury the living."""
PAUSE_S = 2.5
SWEEP_S = 30.0
"""How often the books are searched for what no lease and no name leads to."""
CLOCKS_S = 60
"""How far the clocks may be apart by which RQ dates its entries."""

WORKERS_DIED = Failed("api_error", "The worker stopped three times while it processed this request; it is given up.")

log = logging.getLogger(__name__)


class Reaper:
    """Every step is idempotent and atomic, so any number of reapers may be at it, and any may die in between."""

    def __init__(
        self, redis: Redis, *, result_ttl_s: int, live_ttl_s: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._leases = Leases(redis)
        verdict = Verdict(WORKERS_DIED, as_rq_writes("its workers died"))
        self._steps = Steps(redis, verdict, result_ttl_s=result_ttl_s, live_ttl_s=live_ttl_s)
        self._clock = clock
        self._spoke_at = self._since = clock()
        self._swept_at = float("-inf")
        self._failed_before: dict[str, float] = {}

    def turn(self) -> None:
        """Look once: bury those whose lease has gone, take what the buried had. Raises RedisError."""
        began_at = self._clock()
        if began_at - self._spoke_at > PAUSE_S:
            self._since = began_at
        missing = self._leases.missing()
        self._spoke_at = self._clock()
        if self._spoke_at - began_at > PAUSE_S:
            self._since = self._spoke_at
        if self._spoke_at - self._since < TRUST_S:
            missing = []
        elif self._spoke_at - self._swept_at >= SWEEP_S:
            self._swept_at = self._spoke_at
            missing += self._strangers()
            self._tidy()
        self.bury(missing)

    def bury(self, names: Iterable[str]) -> None:
        """Take what these had, unless their lease stands, and what those had who have been buried before."""
        for name in names:
            if self._steps.bury(name):
                log.warning("a worker is dead: what it had goes to others", extra={"dead": name})
        buried = sorted(_text(name) for name in cast(set[bytes], self._redis.smembers(keys.BURIED)))
        if not buried:
            return
        queues = self._queues()
        for name in buried:
            self._release(name)
        # Behind the claims: without a claim nobody can start anything more.
        for started in reversed(self._started(queues)):
            if started.worker in buried:
                fate = self._steps.take(started)
                log.warning("taken from a dead worker", extra={"job": started.job_id, "fate": fate})
        for name in buried:
            self._steps.strike_off(name, queues)

    def _release(self, name: str) -> None:
        for raw in reversed(cast(list[bytes], self._redis.lrange(keys.claims(name), 0, -1))):
            job_id = _text(raw)
            origin = cast(bytes | None, self._redis.hget(rq_keys.job(job_id), "origin"))
            self._steps.release(name, job_id, _text(origin or b""))

    def _strangers(self) -> list[str]:
        """Workers that have something started and stand nowhere."""
        known = set(self._leases.names())
        return sorted({started.worker for started in self._started(self._queues())} - known - {""})

    def _tidy(self) -> None:
        """RQ's clean-up fails jobs without a word in their logs, whoever has run it; and its registries are never
        emptied unless somebody runs it."""
        now = time.time()
        for queue in self._queues():
            for registry in (rq_keys.finished(queue), rq_keys.failed(queue)):
                self._redis.zremrangebyscore(registry, "-inf", now)
            # A log is forgotten a little before its record; that doesn't mean that it had no end.
            since = max(self._failed_before.get(queue, 0.0), now + CLOCKS_S)
            found = cast(Any, self._redis.zrangebyscore(rq_keys.failed(queue), since, "+inf", withscores=True))
            for job_id, score in found:
                if self._steps.mend(_text(job_id)):
                    log.warning("RQ gave it up; its log has an end now", extra={"job": _text(job_id)})
                self._failed_before[queue] = max(since, score - CLOCKS_S)

    def _queues(self) -> list[str]:
        """RQ's names of all of Pensieve's queues, whatever model they are of."""
        found = cast(set[bytes], self._redis.smembers(rq_keys.QUEUES))
        names = sorted(rq_keys.queue_name(_text(key)) for key in found)
        return [name for name in names if name.startswith(keys.QUEUES)]

    def _started(self, queues: list[str]) -> list[Started]:
        """What RQ has as started, in each queue by when it was begun or seen last."""
        found: list[tuple[str, str, str]] = []
        for queue in queues:
            for member in cast(list[bytes], self._redis.zrange(rq_keys.started(queue), 0, -1)):
                job_id, _, execution_id = _text(member).rpartition(":")
                found.append((job_id, execution_id, queue))
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id, execution_id, _ in found:
                pipe.hget(rq_keys.execution(job_id, execution_id), "worker_name")
                pipe.hget(rq_keys.job(job_id), "worker_name")
            names = pipe.execute()
        # An execution's own hash expires; the record of what runs doesn't.
        workers = (_text(names[index] or names[index + 1] or b"") for index in range(0, len(names), 2))
        return [Started(*rest, worker) for rest, worker in zip(found, workers, strict=True)]


def _text(raw: bytes) -> str:
    """What can't be read must not keep others from being found."""
    return raw.decode(errors="replace")
