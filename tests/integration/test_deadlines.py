"""Requests past their deadline end, in the queue or in a batch, whether their worker lives and anybody reads or not."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from api.upkeep import kept_up
from queue_config import keys
from queue_config.deadlines import PATIENCE_S, Deadlines
from queue_config.event_log import Entry, Position
from queue_config.events import Delta, Expired, Finished, Started
from queue_config.pieces import TextPiece
from queue_config.reaper import Reaper
from tests.support import api_fakes, api_sse
from tests.support.dead_worker import DeadWorker
from tests.support.worker import MODEL, Desk, RunningWorker, a_request, wait_until

HEADER = "x-pensieve-deadline-s"


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


def deadlines(desk: Desk) -> Deadlines:
    return Deadlines(desk.redis, desk.log, result_ttl_s=600)


def pass_deadline(desk: Desk, job_id: str, *, by_s: float = 60.0) -> None:
    desk.redis.zadd(keys.DEADLINES, {job_id: time.time() - by_s})


def rq_status(desk: Desk, job_id: str) -> bytes | None:
    status: bytes | None = desk.redis.hget(f"rq:job:{job_id}", "status")  # type: ignore[assignment]
    return status


# Looked at once.


def test_what_nobody_came_for_ends_though_nobody_looks(desk: Desk) -> None:
    desk.queue.accept(a_request("msg_late", deadline_s=-1.0))
    desk.queue.accept(a_request("msg_early"))
    deadlines(desk).turn()

    assert (desk.events("msg_late"), desk.events("msg_early")) == ([Expired(0)], [])
    assert (rq_status(desk, "msg_late"), rq_status(desk, "msg_early")) == (b"canceled", b"queued")
    assert desk.queue.waiting() == 1
    assert 0 < desk.redis.ttl("rq:job:msg_late") <= 600
    assert desk.redis.zrange(keys.DEADLINES, 0, -1) == [b"msg_early"]


def test_a_claimed_one_that_ends_is_not_started_any_more(desk: Desk) -> None:
    worker = DeadWorker(desk.redis, desk.queue, "far.1")
    desk.queue.accept(a_request("msg_1"))
    claimed = worker.claim()
    pass_deadline(desk, claimed)
    deadlines(desk).turn()

    assert worker.begin(claimed) is None
    assert desk.events("msg_1") == [Expired(0)]


def test_a_running_one_is_its_workers_for_a_moment_and_then_nobodys(desk: Desk) -> None:
    worker = DeadWorker(desk.redis, desk.queue, "far.1")
    desk.queue.accept(a_request("msg_1"))
    worker.say((104, 105), (TextPiece("hi"),))
    pass_deadline(desk, "msg_1", by_s=0)
    deadlines(desk).turn()
    left_alone = desk.events("msg_1")
    pass_deadline(desk, "msg_1", by_s=PATIENCE_S)
    deadlines(desk).turn()
    late = Entry("msg_1", Position(1, 3), Delta((33,), (TextPiece("!"),)))

    assert left_alone == [Started(1, "far.1"), Delta((104, 105), (TextPiece("hi"),))]
    assert desk.events("msg_1") == [*left_alone, Expired(2)]
    assert desk.log.append([late]) == [late]
    assert (rq_status(desk, "msg_1"), desk.redis.get(keys.REFUSED)) == (b"failed", b"1")


def test_a_dead_workers_overdue_request_ends_once(desk: Desk) -> None:
    worker = DeadWorker(desk.redis, desk.queue, "far.1")
    desk.queue.accept(a_request("msg_1"))
    worker.say()
    pass_deadline(desk, "msg_1")
    looks = [threading.Thread(target=deadlines(desk).turn) for _ in range(4)]
    for look in looks:
        look.start()
    for look in looks:
        look.join()
    worker.die()
    Reaper(desk.redis, result_ttl_s=600, live_ttl_s=600).bury([worker.name])

    assert desk.events("msg_1") == [Started(1, "far.1"), Expired(0)]
    assert (rq_status(desk, "msg_1"), desk.queue.waiting()) == (b"failed", 0)
    assert desk.redis.keys("rq:execution*") == []


def test_what_has_ended_gets_no_second_end(desk: Desk) -> None:
    worker = DeadWorker(desk.redis, desk.queue, "far.1")
    desk.queue.accept(a_request("msg_1"))
    worker.say()
    desk.log.append([Entry("msg_1", Position(1, 2), Finished("end_turn", 0))])
    pass_deadline(desk, "msg_1")
    pass_deadline(desk, "msg_forgotten")
    deadlines(desk).turn()

    assert desk.events("msg_1") == [Started(1, "far.1"), Finished("end_turn", 0)]
    assert desk.redis.exists(keys.DEADLINES) == 0


# Through the whole service but for the model.


@contextmanager
def service(redis_url: str) -> Iterator[FlaskClient]:
    """With all its upkeep."""
    settings = api_fakes.settings(redis_url)
    readable = api_fakes.build_services(settings)
    served = replace(readable.models.default, name=MODEL)
    services = Services.over(settings, replace(readable.model, name=MODEL), served)
    api_fakes.saw_worker(services.redis, MODEL)
    with kept_up(services):
        yield create_app(services).test_client()
    services.close()
    readable.close()


def ask(client: FlaskClient, path: str = "/v1/messages", deadline_s: str = "0.3", **changes: Any) -> Any:
    body = api_fakes.messages_body("x" * 1_500) | {"model": MODEL, "max_tokens": 400} | changes
    return client.post(path, json=body, headers={HEADER: deadline_s})


def test_a_running_answer_ends_at_the_deadline_of_its_header_in_the_form_that_was_asked_for(
    redis: redis_py.Redis, redis_url: str, tmp_path: Path
) -> None:
    with service(redis_url) as client, RunningWorker(redis_url, tmp_path, step_s=0.01):
        whole = ask(client)
        streamed = api_sse.read_text(ask(client, stream=True).get_data(as_text=True))
        chat = ask(client, "/v1/chat/completions")
        job = ask(client, "/v1/jobs").get_json()
        wait_until(lambda: client.get(f"/v1/jobs/{job['id']}").get_json()["status"] == "expired", "the job's end")
        ended = client.get(f"/v1/jobs/{job['id']}").get_json()

    names = [event.name for event in streamed]
    assert (whole.status_code, whole.get_json()["error"]["type"]) == (504, "timeout_error")
    assert (names[0], names.count("error"), names[-1]) == ("message_start", 1, "error")
    assert "content_block_delta" in names
    assert streamed[-1].data["error"]["type"] == "timeout_error"
    assert (chat.status_code, chat.get_json()["error"]["code"]) == (504, "timeout")
    assert ended["progress"]["output_tokens"] > 0


def test_a_stream_ends_at_its_deadline_though_its_worker_is_dead(
    desk: Desk, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever reads would give up by itself a little later; here it is to hear it from the log.
    monkeypatch.setattr("api.reading.GRACE_S", 60.0)
    worker = DeadWorker(desk.redis, desk.queue, "far.1")
    with service(redis_url) as client:
        answer = ask(client, stream=True)
        frames = answer.iter_encoded()
        started = api_sse.read_text(next(frames).decode())[0]
        worker.say((104, 105), (TextPiece("hi"),))
        rest = api_sse.read_text(b"".join(frames).decode())

    last = desk.events(started.data["message"]["id"])[-1]
    assert [event.name for event in rest if event.name != "ping"][-1] == "error"
    assert (rest[-1].data["error"]["type"], last) == ("timeout_error", Expired(2))


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf", "3600.5", ""])
def test_a_deadline_that_is_none_is_the_callers_mistake(redis: redis_py.Redis, redis_url: str, text: str) -> None:
    with api_fakes.client(redis_url) as client:
        answer = ask(client, deadline_s=text, model=api_fakes.MODEL)

    expected = "x-pensieve-deadline-s: should be a number of seconds above 0, and at most 3600"
    assert (answer.status_code, answer.get_json()["error"]["message"]) == (400, expected)
