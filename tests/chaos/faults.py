"""The faults: each is inflicted once on a testbed under load, and says from when recovery counts."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.chaos.ledger import Entry
from tests.chaos.load import Load
from tests.chaos.prompts import Prompt, echo
from tests.chaos.recovery import Blow
from tests.chaos.testbed import Testbed
from tests.chaos.worker import DIES, HANGS
from workers.attempts import FAR_TOKENS

Inflict = Callable[[Testbed, Load], "Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """Of a fault that lasts. By default it was over at once."""

    counts_from: float | None = None
    """None: from its beginning."""


AT_ONCE = Span()


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    inflict: Inflict
    bar_s: float | None = 10.0
    """Each disturbed request goes on within so long; None where the fault is one that stops nobody for long."""
    workers: int = 1
    """How many the testbed has to have."""
    times: int = 1

    def __call__(self, testbed: Testbed, load: Load) -> Blow:
        began_at = time.monotonic()
        span = self.inflict(testbed, load)
        counts_from = began_at if span.counts_from is None else span.counts_from
        return Blow(self.name, began_at, counts_from, time.monotonic())


def kill_worker(testbed: Testbed, _: Load) -> Span:
    testbed.kill_all_of(testbed.workers[0])
    return AT_ONCE


def kill_api(testbed: Testbed, _: Load) -> Span:
    testbed.kill_all_of("api")
    return AT_ONCE


def kill_api_child(testbed: Testbed, _: Load) -> Span:
    testbed.kill_api_child()
    return AT_ONCE


def kill_api_master(testbed: Testbed, _: Load) -> Span:
    testbed.send("api", signal.SIGKILL)
    return AT_ONCE


def kill_redis(testbed: Testbed, _: Load) -> Span:
    testbed.kill_all_of("redis")
    return AT_ONCE


def freeze_worker(testbed: Testbed, _: Load) -> Span:
    testbed.send(testbed.workers[0], signal.SIGSTOP)
    time.sleep(20)
    testbed.send(testbed.workers[0], signal.SIGCONT)
    return AT_ONCE


def redis_down(testbed: Testbed, _: Load) -> Span:
    testbed.stop("redis")
    time.sleep(10)
    testbed.start("redis")
    testbed.pid("redis")
    return Span(counts_from=time.monotonic())


def freeze_redis(testbed: Testbed, _: Load) -> Span:
    testbed.send("redis", signal.SIGSTOP)
    time.sleep(10)
    testbed.send("redis", signal.SIGCONT)
    return Span(counts_from=time.monotonic())


def cut_subscribers(testbed: Testbed, _: Load) -> Span:
    for _again in range(100):
        testbed.redis.client_kill_filter(_type="pubsub")
        time.sleep(0.1)
    return AT_ONCE


def cut_everybody(testbed: Testbed, _: Load) -> Span:
    for _again in range(10):
        for kind in ("pubsub", "normal"):
            testbed.redis.client_kill_filter(_type=kind, skipme=True)
        time.sleep(0.5)
    return AT_ONCE


def drain_worker(testbed: Testbed, _: Load) -> Span:
    """SIGTERM; the supervisor starts it again."""
    _drain(testbed, testbed.workers[0])
    return AT_ONCE


def drain_api(testbed: Testbed, _: Load) -> Span:
    """SIGTERM: what streams may stream on to its end; only then there is a successor for whoever comes anew."""
    _drain(testbed, "api")
    return AT_ONCE


def rolling_restart(testbed: Testbed, load: Load) -> Span:
    """One worker after the other, then the API's processes, as gunicorn replaces them."""
    for name in testbed.workers:
        _drain(testbed, name)
        testbed.wait_until_ready()
    testbed.send("api", signal.SIGHUP)
    time.sleep(3)
    return AT_ONCE


def kill_twice(testbed: Testbed, load: Load) -> Span:
    """The worker again, when it has gone on with a long request for a while."""
    entry = load.also("stream", lambda _, number: echo(number, 40))
    for times in (1, 2):
        enough = times * 2 * FAR_TOKENS
        testbed.wait_for(partial(_has_heard, entry, enough), "tokens")
        testbed.kill_all_of(testbed.workers[0])
    # A third time would be its last.
    testbed.wait_for(lambda: entry.ended_at, "its end")
    return AT_ONCE


def poison(testbed: Testbed, load: Load) -> Span:
    """A prompt over which every worker dies: it is given up after three, and those beside it, who have then lost two
    workers themselves, are begun one at a time."""
    entry = load.also("stream", lambda _, number: marked(number, DIES), expects="errored")
    testbed.wait_for(lambda: entry.ended_at, "its end", patience_s=150)
    return AT_ONCE


def hang(testbed: Testbed, load: Load) -> Span:
    """The engine stops stepping; the watchdog ends the worker."""
    name = testbed.workers[0]
    before = testbed.pid(name)
    (testbed.home / "hung").unlink(missing_ok=True)
    load.also("stream", lambda _, number: marked(number, HANGS))
    testbed.wait_for(lambda: testbed.processes()[name].pid != before, "the watchdog")
    return AT_ONCE


def vanish(testbed: Testbed, load: Load) -> Span:
    load.are_flaky = True
    time.sleep(15)
    load.are_flaky = False
    return AT_ONCE


def cancel_storm(testbed: Testbed, load: Load) -> Span:
    storm = [load.also("stream", expects="canceled", cancel_after_s=number / 20) for number in range(20)]
    testbed.wait_for(lambda: all(entry.ended_at for entry in storm), "the canceled to end")
    return AT_ONCE


def _drain(testbed: Testbed, name: str) -> None:
    before = testbed.pid(name)
    testbed.send(name, signal.SIGTERM)
    testbed.wait_for(lambda: testbed.pid(name) != before, "another process")


def _has_heard(entry: Entry, times: int) -> bool:
    return len(entry.heard_at) >= times


def marked(number: int, mark: str) -> Prompt:
    return echo(number, 20, mark)


KILLS = (
    Fault("kill -9 the worker", kill_worker),
    Fault("kill -9 the API, gunicorn and all", kill_api),
    Fault("kill -9 one gunicorn process", kill_api_child),
    Fault("kill -9 Redis (append-only file)", kill_redis),
)
OTHERS = (
    Fault("kill -9 gunicorn's master alone", kill_api_master),
    Fault("worker frozen 20 s, another one idle", freeze_worker, bar_s=8.0, workers=2),
    Fault("Redis down 10 s (from its return)", redis_down, bar_s=5.0),
    Fault("Redis frozen 10 s (from its return)", freeze_redis, bar_s=5.0),
    Fault("CLIENT KILL TYPE pubsub, every 100 ms for 10 s", cut_subscribers, bar_s=5.0),
    Fault("CLIENT KILL of every connection, every 500 ms for 5 s", cut_everybody, bar_s=5.0),
    Fault("SIGTERM the worker", drain_worker),
    Fault("SIGTERM the API", drain_api, bar_s=None),
    Fault("rolling restart of two workers and the API", rolling_restart, workers=2),
    Fault("the same request's worker killed twice", kill_twice, bar_s=None),
    Fault("a prompt that kills its workers", poison, bar_s=None),
    Fault("engine hangs (15 s until the watchdog)", hang, bar_s=25.0),
    Fault("clients vanish and come back", vanish, bar_s=5.0),
    Fault("20 requests canceled within a second", cancel_storm, bar_s=5.0),
)
