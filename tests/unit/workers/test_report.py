"""What a worker says of itself: the engine thread's view, latencies, and the report made of both."""

from queue_config.event_log import Entry, Position
from queue_config.events import Delta, Finished, Started
from queue_config.report import RowReport, WorkerReport
from queue_config.request import GenerationRequest
from tests.support.loop_bench import Bench
from tests.support.scheduling import a_scheduler
from tests.support.worker import EOS, a_request
from workers.engine import Usage
from workers.fake_engine import FakeEngine
from workers.report import Identity, Rate, Reporter
from workers.report_engine import EngineObserver, EngineView, row_report
from workers.report_latency import Latencies
from workers.sequence import Sequence

WHO = Identity("gpu0.1-2", "gpu0", "echo", 1, 4, 100.0)


class CachingEngine(FakeEngine):
    """Finds the first two tokens of every prompt in its cache."""

    usage = Usage(kv_bytes=7, cache_bytes=5, cache_limit_bytes=9)

    def add(self, sequence: Sequence) -> int:
        sequence.cache_read_tokens = 2
        super().add(sequence)
        self._rows[sequence.id].left -= 2
        return 2


def view_after(bench: Bench, turns: int) -> EngineView:
    bench.turns(turns)
    bench.loop.observer.turned(bench.loop._live, bench.engine, now=bench.now, at=float("inf"), is_idle=False)
    return bench.loop.observer.view


def row_of(request: GenerationRequest, **changes: object) -> RowReport:
    values: dict[str, object] = {
        "id": request.id,
        "tenant": "",
        "lane": request.lane,
        "prompt_tokens": len(request.prompt),
        "cached_tokens": 0,
        "output_tokens": 0,
        "max_tokens": request.sampling.max_tokens,
        "accepted_at": request.created_at,
        "started_at": 0.0,
        **changes,
    }
    return RowReport(**values)  # type: ignore[arg-type]


def test_a_view_shows_who_waits_prefills_and_decodes_and_how_far_they_are() -> None:
    bench = Bench(scheduler=a_scheduler(2, 4), max_batch=2)
    first, second, third = a_request("a", "abc"), a_request("b", "abcdefgh", lane="background"), a_request("c", "abc")
    for request in (first, second, third):
        bench.submit(request)
    view = view_after(bench, 2)

    assert tuple(map(row_report, view.rows)) == (
        row_of(first, state="decoding", prefilled_tokens=3, output_tokens=2),
        row_of(second, state="waiting", prefilled_tokens=0),
        row_of(third, state="decoding", prefilled_tokens=3, output_tokens=1),
    )


def test_a_view_counts_steps_and_the_tokens_that_were_computed() -> None:
    bench = Bench(CachingEngine(EOS))
    bench.submit(a_request("a", "hello"))
    bench.submit(a_request("b", "hi!"))
    view = view_after(bench, 3)

    assert (view.steps, view.decode_tokens, view.prefill_tokens) == (3, 6, 4)
    assert (view.cache_hits, view.cache_misses, view.cache_read_tokens) == (2, 0, 4)
    assert view.usage == CachingEngine.usage


def test_a_view_forgets_who_has_left_once_the_loop_is_idle() -> None:
    bench = Bench()
    bench.submit(a_request("a", "hi"))
    bench.until_idle()

    assert bench.loop.observer.view == EngineView(steps=3, prefill_tokens=2, decode_tokens=3, cache_misses=1)


def test_a_busy_loop_makes_a_view_five_times_a_second_and_not_every_turn() -> None:
    observer = EngineObserver()
    for at in (0.0, 0.05, 0.25):
        observer.stepped(1)
        observer.turned({}, FakeEngine(EOS), now=0.0, at=at, is_idle=False)
        if at == 0.05:
            assert observer.view.steps == 1

    assert observer.view.steps == 3


def test_tokens_logged_together_share_their_time_and_the_first_is_counted_from_acceptance() -> None:
    latencies = Latencies()
    request = a_request("a", "hi", lane="background")
    latencies.begun(request, request.created_at + 0.3, is_resumed=False)
    begun = request.created_at
    latencies.written([Entry("a", Position(1, 2), Delta((1,)))], begun + 2.0)
    latencies.written([Entry("a", Position(1, 3), Delta((1, 2)))], begun + 2.125)
    latencies.written([Entry("a", Position(1, 4), Finished("end_turn", 3))], begun + 2.125)
    lane = latencies.by_lane["background"]

    assert [round(h.sum_s, 3) for h in (lane.queue_wait_s, lane.first_token_s, lane.between_tokens_s)] == [
        0.3, 2.0, 0.125,
    ]  # fmt: skip
    assert [h.count for h in (lane.queue_wait_s, lane.first_token_s, lane.between_tokens_s)] == [1, 1, 2]
    assert latencies.by_lane["interactive"].first_token_s.count == 0


def test_an_attempt_that_goes_on_from_tokens_has_no_first_one() -> None:
    latencies = Latencies()
    request = a_request("a", "hi")
    latencies.begun(request, request.created_at + 9.0, is_resumed=True)
    for seq in (5, 6):
        latencies.written([Entry("a", Position(2, seq), Delta((1,)))], request.created_at + 4.0 + seq)
    lane = latencies.by_lane["interactive"]

    assert [h.count for h in (lane.queue_wait_s, lane.first_token_s, lane.between_tokens_s)] == [0, 0, 1]


def test_a_second_attempt_without_tokens_still_has_its_first_one() -> None:
    latencies = Latencies()
    request = a_request("a", "hi")
    latencies.begun(request, request.created_at, is_resumed=False)
    entries = [Entry("a", Position(2, 2), Started(2, "w")), Entry("a", Position(2, 3), Delta((1,)))]
    latencies.written(entries, request.created_at + 1.0)

    assert latencies.by_lane["interactive"].first_token_s.count == 1


def test_a_rate_is_that_of_the_last_two_seconds() -> None:
    rate = Rate()

    assert [rate.per_s(count, at) for at, count in ((0.0, 0), (1.0, 10), (2.0, 20), (3.0, 20), (4.0, 20))] == [
        0.0, 10.0, 10.0, 5.0, 0.0,
    ]  # fmt: skip


def test_a_report_says_what_the_worker_is_and_has() -> None:
    written: list[WorkerReport] = []
    view = EngineView(usage=CachingEngine.usage, steps=2, decode_tokens=5, cache_hits=1)
    reporter = Reporter(WHO, CachingEngine(EOS), lambda: view, Latencies(), lambda: (False, 3), written.append)
    report = reporter.report(now=200.0, at=1.0)

    assert report == WorkerReport(
        worker="gpu0.1-2",
        slot_id="gpu0",
        model="echo",
        device="fake",
        pid=1,
        started_at=100.0,
        written_at=200.0,
        state="idle",
        slots=4,
        kv_bytes=7,
        cache_bytes=5,
        cache_limit_bytes=9,
        steps=2,
        decode_tokens=5,
        cache_hits=1,
        refused=3,
        latency=tuple(Latencies().by_lane.values()),
    )


def test_a_report_that_says_nothing_new_is_not_written_again_at_once() -> None:
    written: list[WorkerReport] = []
    draining = [False]
    reporter = Reporter(WHO, FakeEngine(EOS), EngineView, Latencies(), lambda: (draining[0], 0), written.append)
    for is_draining in (False, False, True):
        draining[0] = is_draining
        reporter.turn()

    assert [report.state for report in written] == ["idle", "draining"]
