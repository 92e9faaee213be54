"""What Prometheus is told, out of what was seen."""

from dataclasses import replace

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import Seen, families
from queue_config.counts import ANSWERED, ENDED, STARTED, Count
from queue_config.histogram import Histogram
from queue_config.report import LaneLatency, RowReport, WorkerReport

ROW = RowReport(
    id="msg_1",
    tenant="t",
    lane="batch",
    state="decoding",
    prompt_tokens=5,
    prefilled_tokens=5,
    cached_tokens=3,
    output_tokens=2,
    max_tokens=9,
    accepted_at=1.25,
    started_at=1.5,
)
REPORT = WorkerReport(
    worker="gpu0.1-2",
    slot_id="gpu0",
    model="echo",
    device="fake",
    pid=1,
    started_at=10.0,
    written_at=20.0,
    state="draining",
    slots=8,
    rows=(ROW,),
    kv_bytes=100,
    steps=4,
    decode_tokens=6,
    cache_hits=2,
    latency=(
        LaneLatency(
            lane="batch",
            queue_wait_s=Histogram.empty((0.1,)),
            first_token_s=Histogram.empty((0.1, 2.0)).observed(0.05).observed(0.5, times=2).observed(9.0),
            between_tokens_s=Histogram.empty((0.1,)),
        ),
    ),
)
SEEN = Seen(
    version="1",
    redis_is_up=True,
    redis_bytes=5,
    counts={Count(ANSWERED, ("GET", "/health", "200")): 3, Count(ENDED, ("expired",)): 2, Count(STARTED, ("api",)): 1},
    refused=7,
    waiting={("echo", "batch"): 4},
    reports=(REPORT,),
)


class Told:
    """Every sample by its name, and labels in the order of their names."""

    def __init__(self, seen: Seen) -> None:
        families_seen = tuple(families(seen))

        class Given:
            def collect(self) -> tuple[object, ...]:
                return families_seen

        registry = CollectorRegistry()
        registry.register(Given())  # type: ignore[arg-type]
        self.text = generate_latest(registry).decode()
        self.samples = {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        }


def test_counters_of_the_whole_service_have_their_labels() -> None:
    told = Told(SEEN).samples

    assert told["pensieve_http_requests_total", "GET", "/health", "200"] == 3
    assert told["pensieve_process_starts_total", "api"] == 1
    assert told["pensieve_fenced_writes_total",] == 7
    assert told["pensieve_requests_waiting", "batch", "echo"] == 4


def test_an_outcome_that_never_was_is_zero() -> None:
    told = Told(SEEN).samples

    ended = {key[1]: value for key, value in told.items() if key[0] == "pensieve_requests_ended_total"}
    assert ended == {"finished": 0, "failed": 0, "canceled": 0, "expired": 2}


def test_a_worker_is_told_apart_by_its_slot_and_model() -> None:
    told = Told(SEEN).samples

    assert told["pensieve_worker_sequences", "echo", "decoding", "gpu0"] == 1
    assert told["pensieve_worker_sequences", "echo", "waiting", "gpu0"] == 0
    assert told["pensieve_worker_draining", "echo", "gpu0"] == 1
    assert told["pensieve_kv_bytes", "echo", "gpu0"] == 100
    assert told["pensieve_decode_tokens_total", "echo", "gpu0"] == 6


def test_a_histogram_s_buckets_add_up() -> None:
    told = Told(SEEN).samples
    name = "pensieve_time_to_first_token_seconds"

    buckets = {key[2]: value for key, value in told.items() if key[0] == f"{name}_bucket"}
    assert buckets == {"0.1": 1, "2": 3, "+Inf": 4}
    assert told[f"{name}_count", "batch", "echo", "gpu0"] == 4
    assert told[f"{name}_sum", "batch", "echo", "gpu0"] == 10.05


def test_of_two_reports_from_one_slot_the_newer_worker_s_counts() -> None:
    successor = replace(REPORT, worker="gpu0.3-4", started_at=30.0, decode_tokens=1)
    told = Told(replace(SEEN, reports=(successor, REPORT))).samples

    assert told["pensieve_decode_tokens_total", "echo", "gpu0"] == 1


def test_without_redis_only_that_is_told() -> None:
    told = Told(Seen(version="1", counts={}, waiting={})).samples

    assert told == {("pensieve_build_info", "1"): 1, ("pensieve_redis_up",): 0}


def test_names_carry_their_unit_and_counters_their_total() -> None:
    units = ("_bytes", "_seconds", "_total", "_info", "_up", "_slots", "_sequences", "_waiting", "_draining")
    names = {line.split()[2] for line in Told(SEEN).text.splitlines() if line.startswith("# TYPE")}

    assert {name for name in names if not name.startswith("pensieve_") or not name.endswith(units)} == set()
