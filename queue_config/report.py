"""WorkerReport: what a worker does right now, for whoever watches: the page, the command, the metrics.

A worker writes it about four times a second, and nothing depends on it; proof of life is the lease. Token counts and
histograms only grow, and begin anew with the process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, cast

import orjson
from redis import Redis

from queue_config import keys
from queue_config.histogram import Histogram
from queue_config.request import Lane

TTL_S = 5

RowState = Literal["waiting", "prefilling", "decoding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReport:
    """One sequence that the worker has."""

    id: str
    tenant: str
    """Whose it is, as `api.auth.tenant` names them; "" where no key is asked for."""
    lane: Lane
    state: RowState
    """`waiting`: for memory or a place among those that prefill."""
    prompt_tokens: int
    prefilled_tokens: int
    """Of the prompt, those from the cache included."""
    cached_tokens: int
    """Of the prompt, those that the prompt cache had."""
    output_tokens: int
    max_tokens: int
    accepted_at: float
    """Unix seconds, as is the next one."""
    started_at: float
    """When the worker first had it in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLatency:
    """How long the requests of one lane took, since the worker began."""

    lane: Lane
    queue_wait_s: Histogram
    """From acceptance to the worker's having it in hand; not of attempts that go on from tokens."""
    first_token_s: Histogram
    """From acceptance to the first token's being in the log."""
    between_tokens_s: Histogram
    """From one token's being in the log to the next; tokens that are logged together share their time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """Sizes are in bytes, times in Unix seconds."""

    worker: str
    slot_id: str
    """What stays the same when the worker is restarted."""
    model: str
    device: str
    pid: int
    started_at: float
    written_at: float
    state: Literal["idle", "busy", "draining"]
    slots: int
    """How many sequences may decode together."""
    rows: tuple[RowReport, ...] = ()
    """By acceptance."""

    weights_bytes: int = 0
    device_bytes: int = 0
    """What the runtime has allocated altogether; 0 where it doesn't say."""
    kv_bytes: int = 0
    kv_limit_bytes: int = 0
    """0 is no bound."""
    cache_bytes: int = 0
    cache_limit_bytes: int = 0

    steps: int = 0
    """Decode steps; `decode_tokens` over `steps` is how full the batch was."""
    prefill_tokens: int = 0
    """Tokens of prompts that were computed, those from the cache left out."""
    decode_tokens: int = 0
    prefill_tokens_per_s: float = 0.0
    """Over the last two seconds, as is the next one."""
    decode_tokens_per_s: float = 0.0
    cache_hits: int = 0
    """Prompts of which the cache had something."""
    cache_misses: int = 0
    cache_read_tokens: int = 0
    refused: int = 0
    """Writes that were refused because its requests had been given to others."""
    latency: tuple[LaneLatency, ...] = ()

    @property
    def decoding(self) -> int:
        return sum(row.state == "decoding" for row in self.rows)

    def to_json(self) -> bytes:
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """What a newer version says besides is left out: workers and readers are restarted one after another."""
        data = _known(cls, orjson.loads(text))
        data["rows"] = tuple(RowReport(**_known(RowReport, row)) for row in data["rows"])
        data["latency"] = tuple(_latency(lane) for lane in data["latency"])
        return cls(**data)


def write(redis: Redis, report: WorkerReport) -> None:
    """In place of the worker's last one; gone by itself when no other follows."""
    redis.set(keys.report(report.worker), report.to_json(), ex=TTL_S)


def reports(redis: Redis) -> tuple[WorkerReport, ...]:
    """Of all workers that wrote one of late, by name."""
    names = sorted(name.decode() for name in cast(set[bytes], redis.smembers(keys.WORKERS)))
    if not names:
        return ()
    found = cast(list[bytes | None], redis.mget([keys.report(name) for name in names]))
    return tuple(WorkerReport.from_json(text) for text in found if text is not None)


def _latency(data: Mapping[str, Any]) -> LaneLatency:
    names = ("queue_wait_s", "first_token_s", "between_tokens_s")
    return LaneLatency(lane=data["lane"], **{name: Histogram.of_json(data[name]) for name in names})


def _known(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name in kind.__slots__}  # type: ignore[attr-defined]
