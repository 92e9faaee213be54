"""Fleet: the workers of all machines, and the models that they serve or served until a moment ago."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from queue_config import keys
from queue_config.connection import Redis
from queue_config.lease import Leases, WorkerStatus
from queue_config.request import FORMAT

LOOK_S = 1.0
"""How old what is known may be; a worker's word comes once a second."""
LOOK_AGAIN_S = 0.05
"""The same, where somebody would be refused by it: a worker may have come since."""


@dataclass(frozen=True, slots=True)
class FleetView:
    workers: tuple[WorkerStatus, ...] = ()
    """Those whose lease stands."""
    silent_s: Mapping[str, float] = field(default_factory=dict)
    """By model: how long ago a worker last said that it serves it. Forgotten after a day."""

    def context_tokens(self, model: str) -> int:
        """What fits into every worker with this model; 0 where none says."""
        return min((worker.context_tokens for worker in self._with(model) if worker.context_tokens), default=0)

    def takers(self, model: str, fingerprint: str) -> list[WorkerStatus]:
        """Those who take new requests for it, if their prompts are made with that."""
        return [
            worker
            for worker in self._with(model)
            if not worker.draining
            and worker.format >= FORMAT
            and (not fingerprint or worker.fingerprint in {"", fingerprint})
        ]

    def why_none(self, model: str) -> str:
        """Why `takers` has nobody, in words for whoever asked."""
        found = self._with(model)
        if not found:
            return f"No worker is running that serves {model}; try again soon."
        if all(worker.draining for worker in found):
            return f"Every worker that serves {model} is shutting down; try again soon."
        if all(worker.format < FORMAT for worker in found):
            return f"The workers that serve {model} are of an older version than this API; restart them with this one."
        return f"The workers have another copy of {model} than this API's machine; pull it anew where it is older."

    def is_left(self, model: str) -> bool:
        """Whether it has no workers, or only such as are on their way out."""
        return all(worker.draining for worker in self._with(model))

    def _with(self, model: str) -> list[WorkerStatus]:
        return [worker for worker in self.workers if worker.model == model]


class Fleet:
    """Looked at as often as anybody likes; each process asks Redis once in `look`'s time at most."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._leases = Leases(redis)
        self._clock = clock
        self._looking = threading.Lock()
        self._looked_at = float("-inf")
        self._has_looked = False
        self.known = FleetView()
        """What was seen last."""

    def look(self, most_s: float = LOOK_S) -> FleetView:
        """Not older than that; raises RedisError where Redis must be asked and doesn't answer."""
        # Others who come meanwhile take what is known; only before the first answer must they wait for it.
        if self._is_stale(most_s) and self._looking.acquire(blocking=not self._has_looked):
            try:
                if self._is_stale(most_s):
                    self.known = self._look()
                    self._looked_at = self._clock()
                    self._has_looked = True
            finally:
                self._looking.release()
        return self.known

    def _is_stale(self, most_s: float) -> bool:
        return self._clock() - self._looked_at >= most_s

    def _look(self) -> FleetView:
        workers = tuple(self._leases.live())
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.zrange(keys.MODELS, 0, -1, withscores=True)
            (seconds, micros), found = cast(Any, pipe.execute())
        now = seconds + micros / 1e6
        return FleetView(workers, {name.decode(): max(0.0, now - score) for name, score in found})
