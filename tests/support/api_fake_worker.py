"""A scripted worker: takes requests from the real queues and writes real event logs, as the prompt tells it to.

The user's last words are the script: `hang` starts and waits to be cancelled, `fail KIND` fails, `burst N` answers
with N words at once, `trickle N` with N words slowly, `flood N` with N words of 10 kB, `cached N M` having read N
tokens from its cache and written M, `answer REASON JSON` with those pieces, a token each; a tool's result gets
`done`; anything else comes back word by word.
"""

import threading
import time
from collections.abc import Iterator
from typing import Self, cast

import orjson
from redis import Redis
from rq.job import Job
from rq.serializers import JSONSerializer

from queue_config import connection, control
from queue_config.event_log import Entry, EventLog, Position
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished, Started, StopReason
from queue_config.job_queue import JobQueue
from queue_config.lease import Leases, WorkerStatus
from queue_config.pieces import TextPiece, ThinkingPiece, of_json
from queue_config.request import GenerationRequest
from tests.support.api_fakes import MODEL

POLL_S = 0.002
SLOWLY_S = 0.05


class FakeWorker:
    def __init__(self, redis_url: str, model: str = MODEL) -> None:
        self._model = model
        self.redis: Redis = connection.connect(redis_url)
        self.log = EventLog(self.redis, result_ttl_s=600, live_ttl_s=600)
        self.taken: list[GenerationRequest] = []
        """Every request that it took, in order."""
        self.canceled: dict[str, float] = {}
        """When it heard of each cancel, by the monotonic clock."""
        self._queue_keys = JobQueue(self.redis, model, max_waiting=1, result_ttl_s=1).queue_keys
        self._expired: set[str] = set()
        self._stopped = threading.Event()
        self._heard = threading.Condition()
        self._ear = control.listen(redis_url, on_wake=lambda: None, on_cancel=self._on_cancel)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._jobs: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._ear.start()
        self.renew()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with self._heard:
            self._heard.notify_all()
        self._thread.join()
        for job in self._jobs:
            job.join()
        self._ear.close()
        self.redis.close()

    def renew(self, *, engine_age_s: float = 0.0, draining: bool = False) -> None:
        """Write the lease once."""
        Leases(self.redis).enrol(
            WorkerStatus(
                name="scripted",
                model=self._model,
                device="cpu",
                pid=1,
                waiting=0,
                running=0,
                slots=8,
                engine_age_s=engine_age_s,
                draining=draining,
            )
        )

    def wait_until_taken(self, count: int) -> list[GenerationRequest]:
        """The first `count` requests, once it has them."""
        give_up_at = time.monotonic() + 10
        while len(self.taken) < count:
            assert time.monotonic() < give_up_at, f"only {len(self.taken)} requests were taken"
            time.sleep(POLL_S)
        return self.taken[:count]

    def wait_until_canceled(self, job_id: str) -> float:
        """When it heard that; the log has its end by then, or soon after."""
        with self._heard:
            assert self._heard.wait_for(lambda: job_id in self.canceled, timeout=10), "never canceled"
        return self.canceled[job_id]

    def end_expired(self, job_id: str) -> None:
        """Let a hanging request end as one whose deadline has passed."""
        with self._heard:
            self._expired.add(job_id)
            self._heard.notify_all()

    def _on_cancel(self, job_id: str) -> None:
        with self._heard:
            self.canceled[job_id] = time.monotonic()
            self._heard.notify_all()

    def _work(self) -> None:
        while not self._stopped.wait(POLL_S):
            for key in self._queue_keys:
                # Not LPOP, which Pensieve never uses, and so may not.
                for waiting in cast(list[bytes], self.redis.lrange(key, 0, 0)):
                    if self.redis.lrem(key, 1, waiting.decode()):
                        self._take(waiting.decode())

    def _take(self, job_id: str) -> None:
        job = Job.fetch(job_id, connection=self.redis, serializer=JSONSerializer)
        request = GenerationRequest.from_json(job.args[0])
        self.redis.hset(Job.key_for(job_id), "status", "started")
        self.taken.append(request)
        thread = threading.Thread(target=self._run, args=(request,), daemon=True)
        self._jobs.append(thread)
        thread.start()

    def _run(self, request: GenerationRequest) -> None:
        for seq, event in enumerate(self._events(request), start=1):
            self.log.append([Entry(request.id, Position(1, seq), event)])
        self.redis.hset(Job.key_for(request.id), "status", "finished")

    def _events(self, request: GenerationRequest) -> Iterator[Event]:
        yield Started(1, "scripted")
        words = script_of(request).split()
        match words:
            case ["hang"]:
                yield from self._hang(request)
            case ["fail", kind]:
                yield Failed(kind, "It was scripted to fail.")
            case ["burst" | "trickle", count]:
                yield from self._say(request, [f"word{n} " for n in range(int(count))], words[0] == "trickle")
            case ["cached", read, written]:
                yield Delta((1,), (TextPiece("Hi"),))
                yield Finished("end_turn", 1, cache_read_tokens=int(read), cache_written_tokens=int(written))
            case ["answer", reason, *_]:
                yield from self._answer(cast(StopReason, reason), script_of(request).split(maxsplit=2)[2])
            case ["flood", count]:
                yield from self._say(request, [f"{n:09} " * 1000 for n in range(int(count))], slowly=False)
            case [word, *_] if word.startswith(("<result>", "<error>")):
                yield from self._say(request, ["done"], slowly=False)
            case _:
                yield from self._say(request, [f"{word} " for word in words], slowly=False)

    def _answer(self, reason: StopReason, text: str) -> Iterator[Event]:
        pieces = [of_json(piece) for piece in orjson.loads(text)]
        for number, piece in enumerate(pieces):
            yield Delta((number,), (piece,))
        thought = sum(isinstance(piece, ThinkingPiece) for piece in pieces)
        yield Finished(reason, len(pieces), thinking_tokens=thought)

    def _hang(self, request: GenerationRequest) -> Iterator[Event]:
        with self._heard:
            self._heard.wait_for(
                lambda: request.id in self.canceled or request.id in self._expired or self._stopped.is_set()
            )
        yield Expired(0) if request.id in self._expired else Canceled(0)

    def _say(self, request: GenerationRequest, words: list[str], slowly: bool) -> Iterator[Event]:
        for said, word in enumerate(words):
            if request.id in self.canceled or self._stopped.is_set():
                yield Canceled(said)
                return
            if said == request.sampling.max_tokens:
                yield Finished("max_tokens", said)
                return
            if slowly:
                time.sleep(SLOWLY_S)
            yield Delta((said,), (TextPiece(word),))
        yield Finished("end_turn", len(words))


def script_of(request: GenerationRequest) -> str:
    """The user's last words, out of a prompt in the readable format."""
    prompt = "".join(map(chr, request.prompt))
    return prompt.rpartition("<user>")[2].removesuffix("<think>").removesuffix("<assistant>")
