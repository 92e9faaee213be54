"""A worker that was killed: its claims, its books and its log as they stand then; it never does anything more."""

from collections.abc import Iterable

from redis import Redis

from queue_config.claims import Claims
from queue_config.event_log import Entry, EventLog, Position
from queue_config.events import Delta, Started
from queue_config.job_queue import JobQueue
from queue_config.lease import Leases, WorkerStatus
from queue_config.pieces import Piece
from workers.rq_worker import LiveJob, PinnedWorker


def a_status(name: str, **fields: object) -> WorkerStatus:
    values: dict[str, object] = {
        "name": name,
        "model": "echo",
        "device": "cpu",
        "pid": 1,
        "waiting": 0,
        "running": 0,
        "slots": 1,
        "engine_age_s": 0.0,
        **fields,
    }
    return WorkerStatus(**values)  # type: ignore[arg-type]


class DeadWorker:
    """Lives while a test sets it up; `die` takes its lease, as five seconds without a renewal would."""

    def __init__(self, redis: Redis, queue: JobQueue, name: str) -> None:
        self.name = name
        self._leases = Leases(redis)
        self._log = EventLog(redis, result_ttl_s=600, live_ttl_s=600)
        self._claims = Claims(redis, name, queue.queue_keys)
        self._worker = PinnedWorker(queue.queue_names, name=name, connection=redis)
        self._worker.register_birth()  # type: ignore[no-untyped-call]
        assert self._leases.enrol(a_status(name))

    def claim(self) -> str:
        taken = self._claims.take()
        assert taken is not None, "the queues are empty"
        return taken

    def begin(self, job_id: str) -> LiveJob | None:
        return self._worker.begin(job_id)

    def start(self) -> LiveJob:
        """Claim the next request and start it; its log has nothing of it yet."""
        live = self._worker.begin(self.claim())
        assert live is not None
        return live

    def hand_back(self, live: LiveJob) -> bool:
        return self._worker.hand_back(live)

    def use(self, redis: Redis) -> None:
        """Go on over another connection."""
        self._worker.connection = redis

    def say(self, tokens: Iterable[int] = (), pieces: tuple[Piece, ...] = ()) -> str:
        """Start the next request and log its first tokens."""
        live = self.start()
        last = self._log.last(live.request.id)
        attempt, seq = last.position if last else (0, 0)
        entries = [Entry(live.request.id, Position(attempt + 1, seq + 1), Started(attempt + 1, self.name))]
        if tokens:
            delta = Delta(tuple(tokens), pieces)
            entries.append(Entry(live.request.id, Position(attempt + 1, seq + 2), delta))
        assert self._log.append(entries) == []
        return live.request.id

    def die(self) -> None:
        self._leases.end(self.name)
