"""A whole worker in a thread of the test, around a fake engine whose tokens are code points."""

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from models.syntax import HERMES, AnswerSyntax, ThinkSyntax
from queue_config.connection import connect
from queue_config.event_log import EventLog
from queue_config.events import Delta, Event, Terminal
from queue_config.job_queue import JobQueue
from queue_config.pieces import text_of
from queue_config.request import GenerationRequest, Lane, SamplingParams
from queue_config.settings import Settings
from workers.answers import Answers
from workers.assembly import assemble
from workers.engine import Engine
from workers.fake_engine import FakeEngine
from workers.output import OutputText

MODEL = "echo"
EOS = 0
PATIENCE_S = 20.0


class CodePoints:
    """A detokeniser for tokens that are code points."""

    def step(self, token_id: int) -> str:
        return chr(token_id)

    def flush(self) -> str:
        return ""


class CodePointTokenizer:
    """As far as answers are concerned."""

    eos_ids = frozenset({EOS})

    def decoder(self, prompt: Sequence[int] = (), markers: Iterable[str] = ()) -> CodePoints:  # noqa: ARG002
        return CodePoints()


def output_of(sampling: SamplingParams) -> OutputText:
    return OutputText(CodePoints(), frozenset({EOS}), sampling)


def new_output(request: GenerationRequest) -> OutputText:
    """Reads calls in Hermes' format, and thinking, as far as the request's plan has them."""
    return Answers(CodePointTokenizer(), AnswerSyntax(HERMES, ThinkSyntax())).output_for(request)


def a_request(job_id: str, text: str = "hello", *, lane: Lane = "interactive", **sampling: object) -> GenerationRequest:
    """A request that FakeEngine answers with `text`; `deadline_s` counts from now."""
    deadline_s = sampling.pop("deadline_s", 600.0)
    assert isinstance(deadline_s, float)
    params = SamplingParams(**{"max_tokens": 10_000, **sampling})  # type: ignore[arg-type]
    now = time.time()
    prompt = tuple(map(ord, text))
    return GenerationRequest(
        id=job_id, model=MODEL, prompt=prompt, sampling=params, created_at=now, deadline_at=now + deadline_s, lane=lane
    )


class Desk:
    """The API's side of the queue: accept requests, watch their logs."""

    def __init__(self, url: str) -> None:
        self.redis = connect(url)
        self.queue = JobQueue(self.redis, MODEL, max_waiting=10_000, result_ttl_s=600)
        self.log = EventLog(self.redis, result_ttl_s=600, live_ttl_s=600)

    def events(self, job_id: str) -> list[Event]:
        return [entry.event for entry in self.log.read(job_id)]

    def text(self, job_id: str) -> str:
        return "".join(text_of(event.pieces) for event in self.events(job_id) if isinstance(event, Delta))

    def rq_job(self, job_id: str) -> Job:
        return Job.fetch(job_id, connection=self.redis, serializer=JSONSerializer)

    def rq_status(self, job_id: str) -> str:
        return str(self.rq_job(job_id).get_status().value)

    def rq_started(self) -> StartedJobRegistry:
        """Of the interactive queue."""
        return StartedJobRegistry(f"pensieve:{MODEL}:interactive", connection=self.redis, serializer=JSONSerializer)

    def end(self, job_id: str) -> Terminal:
        """Wait for the terminal event."""
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            last = self.log.last(job_id)
            if last is not None and isinstance(last.event, Terminal):
                return last.event
            assert time.monotonic() < give_up_at, f"{job_id} did not end: {self.events(job_id)}"
            time.sleep(0.01)


def wait_until(condition: object, what: str) -> None:
    """Poll a callable until it is true."""
    assert callable(condition)
    give_up_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_at, f"waited in vain for: {what}"
        time.sleep(0.01)


class RunningWorker:
    """Serves from `start` to `stop`; leaving the `with` block drains it."""

    def __init__(
        self, url: str, home: Path, *, engine: Engine | None = None, step_s: float = 0.001, **settings: object
    ) -> None:
        values: dict[str, object] = {"redis_url": url, "home": home, "model": MODEL, "drain_s": 0.0, **settings}
        self.settings = Settings(**values)  # type: ignore[arg-type]
        self.process = assemble(self.settings, MODEL, engine or FakeEngine(EOS, step_s), new_output)
        self._thread = threading.Thread(target=self.process.serve, name="engine")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.drain()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        self.process.worker.connection.close()
