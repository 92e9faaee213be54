"""Several machines over one Redis: each worker has a home and a link of its own, as on hosts of its own."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis as redis_py
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from api.upkeep import kept_up
from queue_config import keys
from queue_config.events import Finished, Started, Terminal
from queue_config.lease import Leases
from tests.support import api_fakes
from tests.support.link import Link
from tests.support.worker import MODEL, Desk, wait_until
from tests.support.worker_process import WorkerChild
from workers.rq_worker import slot_of

ANSWER = "".join(chr(65 + i % 26) for i in range(60))
ENGINE = "FakeEngine(EOS, 0.02)"
DRAIN_S = 0.1
"""Too short to finish what runs, which is therefore handed back."""


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


class Hosts:
    """Machines by name. All have the same host name here, so only their homes tell them apart."""

    def __init__(self, redis_socket: Path, folder: Path) -> None:
        self._socket = redis_socket
        self._folder = folder
        self._stack = ExitStack()
        self.links: dict[str, Link] = {}
        self.workers: dict[str, WorkerChild] = {}

    def __enter__(self) -> "Hosts":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, name: str, drain_s: float = 10.0) -> None:
        """A worker on that machine, which comes up with its first one."""
        if name not in self.links:
            self.links[name] = self._stack.enter_context(Link(self._socket))
        child = WorkerChild(self.links[name].url, self._folder / name, engine=ENGINE, max_batch=4, drain_s=drain_s)
        self.workers[name] = self._stack.enter_context(child)

    def restart(self, name: str, drain_s: float) -> None:
        self.workers[name].signal(signal.SIGTERM)
        assert self.workers[name].wait() == 0
        self.start(name, drain_s)


@contextmanager
def api(redis_url: str) -> Iterator[FlaskClient]:
    """An API machine, with all that goes on in its process unasked."""
    settings = api_fakes.settings(redis_url)
    readable = api_fakes.build_services(settings)
    served = replace(readable.models.default, name=MODEL)
    services = Services.over(settings, replace(readable.model, name=MODEL), served)
    with kept_up(services):
        yield create_app(services).test_client()
    services.close()
    readable.close()


def create(client: FlaskClient) -> str:
    body = api_fakes.messages_body(ANSWER) | {"model": MODEL, "max_tokens": 1_000}
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.get_json()
    return str(answer.get_json()["id"])


def live(desk: Desk) -> set[str]:
    return {slot_of(status.name) for status in Leases(desk.redis).live() if not status.draining}


def starters(desk: Desk, job_id: str) -> list[str]:
    """The slots of the workers that began it; nobody's attempts left out."""
    begun = [event.worker for event in desk.events(job_id) if isinstance(event, Started)]
    return [slot_of(worker) for worker in begun if worker]


def told(desk: Desk, job_id: str) -> tuple[Any, ...]:
    """What a reader of the whole log sees: the text, the ends, and whether the numbers have gaps or repeat."""
    log = desk.log.read(job_id)
    ends = [entry.event for entry in log if isinstance(entry.event, Terminal)]
    return desk.text(job_id), ends, [entry.position.seq for entry in log] == list(range(1, len(log) + 1))


WHOLE = f"<user>{ANSWER}<assistant>"
EXACT = (WHOLE, [Finished("end_turn", len(WHOLE) + 1)], True)


def test_one_is_cut_off_one_is_killed_one_is_added_and_nothing_is_lost_or_doubled(
    desk: Desk, redis_url: str, tmp_path: Path
) -> None:
    socket = Path(urlsplit(redis_url).path)
    with Hosts(socket, tmp_path) as hosts, api(redis_url) as client:
        hosts.start("a")
        wait_until(lambda: len(live(desk)) == 1, "the first machine")
        (a,) = live(desk)
        hosts.start("b")
        wait_until(lambda: len(live(desk)) == 2, "the second machine")
        (b,) = live(desk) - {a}
        jobs = [create(client) for _ in range(8)]
        wait_until(lambda: all(len(desk.text(job)) > 5 for job in jobs), "all to run")
        first = {starters(desk, job)[0] for job in jobs}
        hosts.links["a"].freeze()
        hosts.workers["b"].signal(signal.SIGKILL)
        hosts.start("c")
        wait_until(lambda: live(desk) - {a, b}, "the third machine")
        (c,) = live(desk) - {a, b}
        ends = [desk.end(job) for job in jobs]
        last = {starters(desk, job)[-1] for job in jobs}
        hosts.links["a"].mend()
        wait_until(lambda: live(desk) == {a, c}, "the first machine to come back")
        wait_until(lambda: int(desk.redis.get(keys.REFUSED) or 0) > 0, "its late words to be refused")
        again = [create(client) for _ in range(8)]
        later = [desk.end(job) for job in again]
        served = {starters(desk, job)[0] for job in again}
        wait_until(lambda: desk.redis.zcard(f"rq:wip:pensieve:{MODEL}:background") == 0, "RQ's books")

    assert (first, last, served) == ({a, b}, {c}, {a, c})
    assert [*ends, *later] == [EXACT[1][0]] * 16
    assert [told(desk, job) for job in (*jobs, *again)] == [EXACT] * 16


def test_a_rolling_restart_loses_nothing_and_costs_no_attempt(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    socket = Path(urlsplit(redis_url).path)
    with Hosts(socket, tmp_path) as hosts, api(redis_url) as client:
        for name in ("a", "b"):
            hosts.start(name, DRAIN_S)
        wait_until(lambda: len(live(desk)) == 2, "two machines")
        jobs = [create(client) for _ in range(8)]
        for name in ("a", "b"):
            hosts.restart(name, DRAIN_S)
            jobs += [create(client) for _ in range(2)]
            wait_until(lambda: len(live(desk)) == 2, "two machines again")
        ends = [desk.end(job) for job in jobs]
        left = {desk.redis.hget(f"rq:job:{job}", "retries_left") for job in jobs}

    assert ends == [EXACT[1][0]] * 12
    assert [told(desk, job) for job in jobs] == [EXACT] * 12
    assert left == {b"2"}


def test_an_api_that_is_cut_off_refuses_and_comes_back_by_itself(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    socket = Path(urlsplit(redis_url).path)
    api_fakes.saw_worker(desk.redis, MODEL)
    with Link(socket) as link, api(link.url) as far, api(redis_url) as near:
        before = create(far)
        link.cut()
        wait_until(lambda: far.get(f"/v1/jobs/{before}").status_code == 529, "the cut to be noticed")
        meanwhile = (far.get("/health").status_code, create(near))
        link.mend()
        wait_until(lambda: far.get(f"/v1/jobs/{before}").status_code == 200, "its return")
        after = create(far)

    assert meanwhile[0] == 200
    assert [desk.queue.find(job) is not None for job in (before, meanwhile[1], after)] == [True] * 3
