"""Histograms, and workers' reports through Redis and back."""

from dataclasses import replace

import fakeredis
import orjson
import pytest

from queue_config import keys
from queue_config.histogram import Histogram
from queue_config.report import LaneLatency, RowReport, WorkerReport, reports, write

BOUNDS_S = (0.1, 1.0)

A_REPORT = WorkerReport(
    worker="gpu0.1-2",
    slot_id="gpu0",
    model="echo",
    device="fake",
    pid=1,
    started_at=1.0,
    written_at=2.0,
    state="busy",
    slots=8,
    rows=(
        RowReport(
            id="msg_1",
            tenant="",
            lane="batch",
            state="decoding",
            prompt_tokens=5,
            prefilled_tokens=5,
            cached_tokens=3,
            output_tokens=2,
            max_tokens=9,
            accepted_at=1.25,
            started_at=1.5,
        ),
    ),
    decode_tokens=2,
    latency=(
        LaneLatency(
            lane="batch",
            queue_wait_s=Histogram.empty(BOUNDS_S).observed(0.25),
            first_token_s=Histogram.empty(BOUNDS_S).observed(0.5),
            between_tokens_s=Histogram.empty(BOUNDS_S),
        ),
    ),
)


def test_a_duration_counts_up_to_the_bound_that_it_meets() -> None:
    histogram = Histogram.empty(BOUNDS_S).observed(0.1).observed(0.5, times=2).observed(3.0)

    assert histogram == Histogram(BOUNDS_S, (1, 2, 1), 4.1)
    assert histogram.count == 4


@pytest.mark.parametrize(("part", "expected_s"), [(0.5, 0.1), (0.75, 0.55), (1.0, 1.0)])
def test_a_quantile_lies_between_the_bounds_of_its_durations(part: float, expected_s: float) -> None:
    histogram = Histogram.empty(BOUNDS_S).observed(0.05, times=2).observed(0.5, times=2)

    assert histogram.quantile_s(part) == pytest.approx(expected_s)


def test_nothing_observed_has_no_quantile_and_what_is_beyond_all_bounds_has_the_last() -> None:
    empty = Histogram.empty(BOUNDS_S)

    assert empty.quantile_s(0.5) is None
    assert empty.observed(7.0).quantile_s(0.5) == 1.0


def test_reports_are_read_as_they_were_written_by_the_workers_name() -> None:
    redis = fakeredis.FakeRedis()
    other = replace(A_REPORT, worker="gpu1.1-2", rows=(), latency=())
    for report in (other, A_REPORT):
        redis.sadd(keys.WORKERS, report.worker)
        write(redis, report)
    redis.sadd(keys.WORKERS, "silent.1-2")

    assert reports(redis) == (A_REPORT, other)


def test_without_workers_there_are_no_reports() -> None:
    redis = fakeredis.FakeRedis()
    write(redis, A_REPORT)

    assert reports(redis) == ()


def test_what_a_newer_worker_says_besides_is_left_out() -> None:
    data = orjson.loads(A_REPORT.to_json())
    newer = data | {"mood": "good", "rows": [row | {"mood": "bad"} for row in data["rows"]]}

    assert WorkerReport.from_json(orjson.dumps(newer)) == A_REPORT
