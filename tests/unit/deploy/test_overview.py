"""`pensieve status`: one screen."""

import os
from io import StringIO

import pytest
import redis as redis_py
from rich.console import Console

from deploy.health import Answer, Health
from deploy.overview import Overview, ProcessState, duration, look, part, screen
from deploy.process_memory import resident_bytes
from deploy.running import Running
from deploy.supervisor_client import Process
from queue_config import keys
from queue_config.histogram import Histogram
from queue_config.report import LaneLatency, WorkerReport, write
from queue_config.waiting_list import WaitingLane

NOTHING = Histogram.empty((1.0,))
REPORT = WorkerReport(
    worker="desk-gpu0.1-2",
    slot_id="desk-gpu0",
    model="echo",
    device="cpu",
    pid=1,
    started_at=1.0,
    written_at=2.0,
    state="busy",
    slots=8,
    kv_bytes=1_500_000_000,
    kv_limit_bytes=4_000_000_000,
    decode_tokens_per_s=41.5,
    latency=(
        LaneLatency(
            lane="interactive",
            queue_wait_s=NOTHING,
            first_token_s=NOTHING.observed(0.5),
            between_tokens_s=NOTHING,
        ),
    ),
)
RUNNING = Running("127.0.0.1", 7777, "echo", worker=True, model_name="echo")
API = ProcessState(name="api", state="running", pid=5, uptime_s=90, resident_bytes=80_000_000)


def shown(overview: Overview) -> list[str]:
    console = Console(width=160, record=True, file=StringIO())
    console.print(screen(overview))
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_everything_is_on_one_screen() -> None:
    lines = shown(
        Overview(
            url=RUNNING.url,
            model="echo",
            ready=True,
            reason="",
            processes=(API, ProcessState(name="worker", state="backoff", pid=0, uptime_s=0, resident_bytes=0)),
            waiting=(WaitingLane("interactive", 3, ()), WaitingLane("batch", 0, ())),
            workers=(REPORT,),
        )
    )

    assert [" ".join(line.split()) for line in lines] == [
        "Pensieve at http://127.0.0.1:7777 with echo is ready.",
        "",
        "process state pid up memory",
        "api running 5 1 min 30 s 80 MB",
        "worker backoff",
        "",
        "Waiting: 3 interactive",
        "worker model state batch tokens/s prefill/s first token kv cache",
        "desk-gpu0 echo busy 0 of 8 41.5 0 ~0.5 s 1.50 of 4.0 GB 0.00 GB",
    ]


def test_what_is_not_ready_says_why() -> None:
    lines = shown(Overview(url="u", model="echo", ready=False, reason="no lease", processes=(API,)))

    assert lines[0] == "Pensieve at u with echo is not ready: no lease."


def test_it_is_looked_up_in_redis_and_the_process_table(redis: redis_py.Redis, redis_url: str) -> None:
    redis.sadd(keys.WORKERS, REPORT.worker)
    write(redis, REPORT)
    process = Process("api", "RUNNING", os.getpid(), 7)
    overview = look(RUNNING, [process, Process("worker", "FATAL", 0, 0)], Answer(Health.READY), redis_url)

    assert overview.workers == (REPORT,)
    assert [lane.count for lane in overview.waiting] == [0, 0, 0]
    assert overview.processes[0].resident_bytes > 1_000_000
    assert (overview.processes[1].state, overview.processes[1].resident_bytes) == ("fatal", 0)


def test_without_redis_the_rest_is_shown() -> None:
    overview = look(RUNNING, [], Answer(Health.NOT_READY, "Redis can't be written"), "redis://127.0.0.1:1")

    assert (overview.ready, overview.reason, overview.workers) == (False, "Redis can't be written", ())


@pytest.mark.parametrize(
    ("seconds", "said"), [(59, "0 min 59 s"), (3_600, "1 h 0 min"), (90_061, "1 d 1 h"), (61, "1 min 1 s")]
)
def test_a_duration_is_told_in_two_units(seconds: int, said: str) -> None:
    assert duration(seconds) == said


def test_a_part_without_a_limit_is_told_alone() -> None:
    assert (part(2_000_000_000, 0), part(0, 4_000_000_000)) == ("2.00 GB", "0.00 of 4.0 GB")


def test_a_process_that_is_gone_holds_nothing() -> None:
    assert resident_bytes(2**22 + 1) == 0
