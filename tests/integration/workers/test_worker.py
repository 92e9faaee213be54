"""A worker on a real Redis: from the queue to the log and RQ's books."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis as redis_py
from rq import Queue
from rq.serializers import JSONSerializer

from queue_config import keys
from queue_config.control import Control
from queue_config.counts import ENDED, STARTED, Count, Counts
from queue_config.event_log import Entry, Position
from queue_config.events import Canceled, Delta, Expired, Failed, Finished, Started, dump
from queue_config.lease import Leases
from queue_config.pieces import TextPiece
from queue_config.report import reports
from tests.support.engines import FailingEngine, LockingEngine
from tests.support.worker import EOS, Desk, RunningWorker, a_request, wait_until

NOW = datetime.now(UTC).isoformat()
EARLY = datetime.min.replace(tzinfo=UTC)


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


def test_a_request_is_answered_and_its_books_are_closed(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_1", "hello"))

    with RunningWorker(redis_url, tmp_path):
        end = desk.end("msg_1")
        wait_until(lambda: desk.rq_status("msg_1") == "finished", "RQ's record")

    assert end == Finished("end_turn", 6)
    assert desk.text("msg_1") == "hello"
    assert desk.redis.zcard("rq:wip:pensieve:echo:interactive") == 0
    assert desk.redis.keys("pensieve:claims:*") == []


def test_many_requests_share_the_batch_and_keep_their_own_text(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    texts = {f"msg_{i}": f"answer number {i} " * (i % 7 + 1) for i in range(40)}
    for job_id, text in texts.items():
        desk.queue.accept(a_request(job_id, text))

    with RunningWorker(redis_url, tmp_path, max_batch=8):
        ends = {job_id: desk.end(job_id) for job_id in texts}

    assert {job_id: desk.text(job_id) for job_id in texts} == texts
    assert ends == {job_id: Finished("end_turn", len(text) + 1) for job_id, text in texts.items()}


def test_interactive_requests_go_before_background_ones(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    for lane, job_id in (("batch", "msg_c"), ("background", "msg_b"), ("interactive", "msg_a")):
        desk.queue.accept(a_request(job_id, "x" * 20, lane=lane))  # type: ignore[arg-type]

    with RunningWorker(redis_url, tmp_path, max_batch=1):
        for job_id in ("msg_a", "msg_b", "msg_c"):
            desk.end(job_id)

    started = [desk.rq_job(job_id).started_at for job_id in ("msg_a", "msg_b", "msg_c")]
    assert started == sorted(started, key=lambda at: at or datetime.min.replace(tzinfo=UTC))


def test_a_running_request_is_canceled_and_frees_its_slot(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_long", "x" * 5000))
    desk.queue.accept(a_request("msg_next", "hello"))

    with RunningWorker(redis_url, tmp_path, max_batch=1):
        wait_until(lambda: len(desk.text("msg_long")) > 5, "tokens")
        Control(desk.redis).cancel("msg_long")
        end = desk.end("msg_long")
        after = desk.end("msg_next")
        wait_until(lambda: desk.rq_status("msg_long") == "stopped", "RQ's record")

    assert isinstance(end, Canceled)
    assert 5 < end.output_tokens < 5000
    assert after == Finished("end_turn", 6)


def test_a_cancel_whose_message_was_lost_is_found_by_its_flag(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_long", "x" * 50_000))

    with RunningWorker(redis_url, tmp_path):
        wait_until(lambda: len(desk.text("msg_long")) > 5, "tokens")
        desk.redis.set("pensieve:canceled:msg_long", 1)
        end = desk.end("msg_long")

    assert isinstance(end, Canceled)


def test_a_queued_request_is_withdrawn_and_never_runs(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_q"))
    withdrawn = desk.queue.withdraw("msg_q", Canceled(0), NOW)

    with RunningWorker(redis_url, tmp_path):
        desk.queue.accept(a_request("msg_other"))
        desk.end("msg_other")

    assert withdrawn == "withdrawn"
    assert desk.events("msg_q") == [Canceled(0)]
    assert desk.queue.withdraw("msg_q", Canceled(0), NOW) == "taken"
    assert desk.queue.withdraw("msg_unknown", Canceled(0), NOW) == "unknown"


def test_a_request_past_its_deadline_is_never_prefilled(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_late", deadline_s=-1.0))

    with RunningWorker(redis_url, tmp_path):
        end = desk.end("msg_late")

    assert end == Expired(0)
    assert desk.text("msg_late") == ""


def test_a_request_goes_on_from_the_tokens_in_its_log(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_1", "hello world"))
    desk.log.append([
        Entry("msg_1", Position(1, 1), Started(1, "dead.1")),
        Entry("msg_1", Position(1, 2), Delta(tuple(map(ord, "hello ")), (TextPiece("hello "),))),
    ])  # fmt: skip

    with RunningWorker(redis_url, tmp_path):
        end = desk.end("msg_1")

    assert end == Finished("end_turn", 12)
    assert desk.text("msg_1") == "hello world"
    entries = desk.log.read("msg_1")
    assert [entry.position.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert {entry.position.attempt for entry in entries[2:]} == {2}


def test_a_request_whose_log_has_ended_is_only_booked(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_1", "hello"))
    log = [
        Entry("msg_1", Position(1, 1), Started(1, "dead.1")),
        Entry("msg_1", Position(1, 2), Finished("max_tokens", 0)),
    ]
    desk.log.append(log)

    with RunningWorker(redis_url, tmp_path):
        wait_until(lambda: desk.rq_status("msg_1") == "finished", "RQ's record")

    assert desk.log.read("msg_1") == log


def test_a_worker_that_was_overtaken_writes_nothing_more(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_1", "x" * 20_000))
    with RunningWorker(redis_url, tmp_path) as worker:
        wait_until(lambda: len(desk.text("msg_1")) > 5, "tokens")
        last = desk.log.read("msg_1")[-1].position
        taken_over = Entry("msg_1", Position(2, last.seq + 100), Started(2, "other.1"))
        # Far behind what the worker writes meanwhile.
        desk.redis.xadd(keys.events("msg_1"), {"e": dump(taken_over.event)}, id=str(taken_over.position))
        wait_until(lambda: worker.process.books.live == 0, "the overtaken worker to let go")
        length = len(desk.log.read("msg_1"))

    assert desk.log.read("msg_1")[-1] == taken_over
    assert len(desk.log.read("msg_1")) == length


def test_what_is_unfinished_when_a_worker_stops_is_finished_by_the_next(
    desk: Desk, redis_url: str, tmp_path: Path
) -> None:
    text = "".join(chr(65 + i % 26) for i in range(400))
    desk.queue.accept(a_request("msg_1", text))

    with RunningWorker(redis_url, tmp_path, step_s=0.005):
        wait_until(lambda: len(desk.text("msg_1")) > 5, "tokens")
    between = desk.rq_status("msg_1")
    with RunningWorker(redis_url, tmp_path):
        end = desk.end("msg_1")

    assert between == "queued"
    assert end == Finished("end_turn", 401)
    assert desk.text("msg_1") == text


def test_a_job_that_is_no_request_of_ours_fails_and_harms_nobody(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    queue = Queue(keys.queue("echo", "interactive"), connection=desk.redis, serializer=JSONSerializer)
    queue.enqueue_call("os.getcwd", job_id="evil")
    queue.enqueue_call("workers.rq_worker.generate", args=("{}",), job_id="empty")
    desk.queue.accept(a_request("msg_1"))

    with RunningWorker(redis_url, tmp_path):
        desk.end("msg_1")
        wait_until(lambda: desk.rq_status("empty") == "failed", "RQ's record")

    assert desk.rq_status("evil") == "failed"
    assert desk.text("msg_1") == "hello"


def test_a_worker_holds_a_lease_while_it_lives(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    leases = Leases(desk.redis)
    with RunningWorker(redis_url, tmp_path) as worker:
        wait_until(leases.live, "a lease")
        (status,) = leases.live()

    assert status.name == worker.process.worker.name
    assert status.model == "echo"
    assert status.engine_age_s < 5
    assert leases.live() == []


def test_a_prompt_that_breaks_the_engine_fails_alone(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    for job_id, text in (("msg_1", "hello"), ("msg_bad", "poison"), ("msg_nan", "nan"), ("msg_2", "world")):
        desk.queue.accept(a_request(job_id, text))

    with RunningWorker(redis_url, tmp_path, engine=FailingEngine(EOS, prefill="poison", decode="nan")):
        ends = [desk.end(job_id) for job_id in ("msg_1", "msg_bad", "msg_nan", "msg_2")]

    assert ends == [
        Finished("end_turn", 6),
        Failed("api_error", "The model could not process this prompt."),
        Failed("api_error", "The model failed on this request."),
        Finished("end_turn", 6),
    ]


def test_a_batch_request_gets_on_while_interactive_ones_keep_coming(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    names = [f"msg_{index}" for index in range(8)]
    for name in names:
        desk.queue.accept(a_request(name, "x"))
    desk.queue.accept(a_request("msg_low", "x", lane="batch"))

    with RunningWorker(redis_url, tmp_path, max_batch=1):
        for name in (*names, "msg_low"):
            desk.end(name)

    started = sorted((*names, "msg_low"), key=lambda name: desk.rq_job(name).started_at or EARLY)
    assert started == [*names[:3], "msg_low", *names[3:]]


def test_a_worker_reports_what_it_does_and_how_long_it_took(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    desk.queue.accept(a_request("msg_1", "hello"))

    with RunningWorker(redis_url, tmp_path) as worker:
        desk.end("msg_1")
        wait_until(lambda: any(report.decode_tokens == 6 for report in reports(desk.redis)), "a report")
        (report,) = reports(desk.redis)

    (interactive,) = [latency for latency in report.latency if latency.lane == "interactive"]
    assert (report.worker, report.state, report.rows) == (worker.process.worker.name, "idle", ())
    assert (report.steps, report.prefill_tokens, report.cache_misses) == (6, 5, 1)
    assert (interactive.queue_wait_s.count, interactive.first_token_s.count) == (1, 1)
    assert reports(desk.redis) == ()
    assert Counts(desk.redis).read() == {Count(STARTED, ("worker",)): 1, Count(ENDED, ("finished",)): 1}


def test_requests_begin_while_an_engine_keeps_python_to_itself(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    engine = LockingEngine(EOS, step_s=0.004)
    for number in range(24):
        desk.queue.accept(a_request(f"msg_{number}", "hello " * 200))

    with RunningWorker(redis_url, tmp_path, engine=engine, max_batch=24):
        wait_until(lambda: 24 in engine.rows, "all to run together")

    # Some 70 steps; with five milliseconds for each of Redis' answers it was 180 to 260.
    assert engine.rows.index(24) < 150
