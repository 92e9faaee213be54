"""The service in numbers, as Prometheus collects them: families of metrics from what was seen of Redis and the workers.

Pure; docs/OPERATIONS.md lists the names. Labels have few values each, and none says who asked or what.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from queue_config.counts import ANSWERED, ENDED, STARTED, Count
from queue_config.events import TERMINAL
from queue_config.histogram import Histogram
from queue_config.report import LaneLatency, RowState, WorkerReport

_ROW_STATES: tuple[RowState, ...] = ("waiting", "prefilling", "decoding")
_WORKER = ("worker", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything at one moment; without Redis there is nothing but the version."""

    version: str
    redis_is_up: bool = False
    redis_bytes: int = 0
    redis_limit_bytes: int = 0
    counts: Mapping[Count, int]
    refused: int = 0
    waiting: Mapping[tuple[str, str], int]
    """By model and lane."""
    reports: tuple[WorkerReport, ...] = ()


def families(seen: Seen) -> Iterator[Metric]:
    yield _gauge("build", "Which version answers; always 1.", ("version",), [((seen.version,), 1)], unit="info")
    yield _gauge("redis_up", "Whether Redis answers this API process.", (), [((), seen.redis_is_up)])
    if seen.redis_is_up:
        yield from _of_redis(seen)
        yield from _of_requests(seen)
        yield from _of_workers(_newest_by_slot(seen.reports))


def _of_redis(seen: Seen) -> Iterator[Metric]:
    yield _gauge("redis_memory", "What Redis holds.", (), [((), seen.redis_bytes)], unit="bytes")
    yield _gauge("redis_memory_limit", "At which it refuses; 0 is none.", (), [((), seen.redis_limit_bytes)], "bytes")


def _of_requests(seen: Seen) -> Iterator[Metric]:
    answered = [(count.labels, number) for count, number in seen.counts.items() if count.name == ANSWERED]
    yield _counter("http_requests", "Answers of all API processes.", ("method", "route", "status"), answered)
    # All outcomes, so that a rate of none is a 0 and no gap.
    ended = {kind.__name__.lower(): 0 for kind in TERMINAL}
    ended |= {count.labels[0]: number for count, number in seen.counts.items() if count.name == ENDED}
    yield _counter("requests_ended", "Requests for generation.", ("outcome",), [((k,), n) for k, n in ended.items()])
    yield _gauge("requests_waiting", "In the queues.", ("model", "lane"), seen.waiting.items())
    started = [(count.labels, number) for count, number in seen.counts.items() if count.name == STARTED]
    yield _counter("process_starts", "Of API processes and workers, restarts included.", ("process",), started)
    yield _counter("fenced_writes", "Refused, as the request was another worker's.", (), [((), seen.refused)])


def _of_workers(reports: tuple[WorkerReport, ...]) -> Iterator[Metric]:
    def each(value: Callable[[WorkerReport], float]) -> list[tuple[tuple[str, str], float]]:
        return [((report.slot_id, report.model), value(report)) for report in reports]

    states = [
        ((report.slot_id, report.model, state), sum(row.state == state for row in report.rows))
        for report in reports
        for state in _ROW_STATES
    ]
    yield _gauge("worker_start_time", "Unix time.", _WORKER, each(lambda r: r.started_at), "seconds")
    yield _gauge("worker_draining", "Whether it takes nothing new.", _WORKER, each(lambda r: r.state == "draining"))
    yield _gauge("worker_slots", "Sequences that may decode together.", _WORKER, each(lambda r: r.slots))
    yield _gauge("worker_sequences", "Sequences that it has.", (*_WORKER, "state"), states)
    yield _gauge("weights", "Of the model.", _WORKER, each(lambda r: r.weights_bytes), "bytes")
    yield _gauge("device_memory", "All that the runtime holds.", _WORKER, each(lambda r: r.device_bytes), "bytes")
    yield _gauge("kv", "Keys and values of the sequences.", _WORKER, each(lambda r: r.kv_bytes), "bytes")
    yield _gauge("kv_limit", "What they may take; 0 is no bound.", _WORKER, each(lambda r: r.kv_limit_bytes), "bytes")
    yield _gauge("prompt_cache", "What the prompt cache holds.", _WORKER, each(lambda r: r.cache_bytes), "bytes")
    limits = each(lambda r: r.cache_limit_bytes)
    yield _gauge("prompt_cache_limit", "What it may hold.", _WORKER, limits, "bytes")
    yield _counter("prompt_cache_hits", "Prompts of which it had a part.", _WORKER, each(lambda r: r.cache_hits))
    yield _counter("prompt_cache_misses", "Prompts new to it.", _WORKER, each(lambda r: r.cache_misses))
    read = each(lambda r: r.cache_read_tokens)
    yield _counter("prompt_cache_read_tokens", "Tokens that needed no computing.", _WORKER, read)
    yield _counter("prefill_tokens", "Tokens of prompts computed.", _WORKER, each(lambda r: r.prefill_tokens))
    yield _counter("decode_tokens", "Tokens of answers.", _WORKER, each(lambda r: r.decode_tokens))
    yield _counter("decode_steps", "Steps of the batch.", _WORKER, each(lambda r: r.steps))
    yield _histogram("queue_wait", "From acceptance to a worker's hand.", reports, lambda lane: lane.queue_wait_s)
    yield _histogram(
        "time_to_first_token", "From acceptance to the first token.", reports, lambda lane: lane.first_token_s
    )
    yield _histogram("inter_token", "From one token to the next.", reports, lambda lane: lane.between_tokens_s)


def _newest_by_slot(reports: tuple[WorkerReport, ...]) -> tuple[WorkerReport, ...]:
    """A killed worker's last report stands for some seconds beside its successor's."""
    newest = {report.slot_id: report for report in sorted(reports, key=lambda report: report.started_at)}
    return tuple(newest.values())


Samples = Iterable[tuple[tuple[str, ...], float]]


def _gauge(name: str, text: str, labels: tuple[str, ...], samples: Samples, unit: str = "") -> Metric:
    return _filled(GaugeMetricFamily(f"pensieve_{name}" + (f"_{unit}" if unit else ""), text, labels=labels), samples)


def _counter(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    """`_total` is put behind its name."""
    return _filled(CounterMetricFamily(f"pensieve_{name}", text, labels=labels), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Samples) -> Metric:
    for values, number in samples:
        family.add_metric(values, float(number))
    return family


def _histogram(
    name: str, text: str, reports: tuple[WorkerReport, ...], of: Callable[[LaneLatency], Histogram]
) -> Metric:
    labels = (*_WORKER, "lane")
    family = HistogramMetricFamily(
        f"pensieve_{name}_seconds", f"{text} Measured where tokens are logged.", labels=labels
    )
    for report in reports:
        for lane in report.latency:
            histogram = of(lane)
            family.add_metric((report.slot_id, report.model, lane.lane), _cumulative(histogram), histogram.sum_s)
    return family


def _cumulative(histogram: Histogram) -> list[tuple[str, float]]:
    total = 0
    buckets = []
    for bound, count in zip((*(f"{bound:g}" for bound in histogram.bounds_s), "+Inf"), histogram.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
