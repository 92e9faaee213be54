"""Overview: everything about a running service that fits one screen, looked up and shown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.health import Answer, Health
from deploy.process_memory import resident_bytes
from deploy.running import Running
from deploy.supervisor_client import Process
from queue_config.connection import RedisError, connect
from queue_config.report import WorkerReport, reports
from queue_config.waiting_list import WaitingLane, waiting_lanes

GB = 1e9
MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    name: str
    state: str
    pid: int
    uptime_s: int
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    url: str
    model: str
    ready: bool
    reason: str
    """Why it isn't."""
    processes: tuple[ProcessState, ...]
    waiting: tuple[WaitingLane, ...] = ()
    workers: tuple[WorkerReport, ...] = ()
    """Of every machine that shares the Redis."""


def look(running: Running, processes: Sequence[Process], answer: Answer, redis_url: str) -> Overview:
    """Where Redis doesn't answer, its part is missing; the reason tells of it."""
    overview = Overview(
        url=running.url,
        model=running.model_name,
        ready=answer.health is Health.READY,
        reason=answer.reason,
        processes=tuple(
            ProcessState(
                name=process.name,
                state=process.state.lower(),
                pid=process.pid,
                uptime_s=process.uptime_s,
                resident_bytes=resident_bytes(process.pid) if process.pid else 0,
            )
            for process in processes
        ),
    )
    try:
        with connect(redis_url) as redis:
            return replace(overview, waiting=waiting_lanes(redis, running.model_name, limit=1), workers=reports(redis))
    except RedisError:
        return overview


def screen(overview: Overview) -> RenderableType:
    state = "ready" if overview.ready else f"not ready{': ' if overview.reason else ''}{overview.reason}"
    head = Text(f"Pensieve at {overview.url} with {overview.model} is {state}.")
    head.stylize("green" if overview.ready else "red", len(head) - len(state) - 1)
    return Group(head, "", _processes(overview.processes), *_work(overview))


def _processes(processes: Sequence[ProcessState]) -> Table:
    table = _table("process", "state", "pid", "up", "memory")
    for process in processes:
        if process.pid:
            memory = f"{process.resident_bytes / MB:,.0f} MB" if process.resident_bytes else ""
            table.add_row(process.name, process.state, str(process.pid), duration(process.uptime_s), memory)
        else:
            table.add_row(process.name, process.state)
    return table


def _work(overview: Overview) -> Iterator[RenderableType]:
    if not overview.workers:
        return
    yield ""
    waiting = ", ".join(f"{lane.count} {lane.lane}" for lane in overview.waiting if lane.count)
    yield f"Waiting: {waiting or 'nobody'}"
    table = _table("worker", "model", "state", "batch", "tokens/s", "prefill/s", "first token", "kv", "cache")
    for report in overview.workers:
        table.add_row(
            report.slot_id,
            report.model,
            report.state,
            f"{report.decoding} of {report.slots}",
            f"{report.decode_tokens_per_s:.1f}",
            f"{report.prefill_tokens_per_s:.0f}",
            first_token(report),
            part(report.kv_bytes, report.kv_limit_bytes),
            part(report.cache_bytes, report.cache_limit_bytes),
        )
    yield table


def first_token(report: WorkerReport) -> str:
    """The median of the lane that has somebody waiting in front of a screen."""
    found = [lane.first_token_s for lane in report.latency if lane.lane == "interactive"]
    median_s = found[0].quantile_s(0.5) if found else None
    return "" if median_s is None else f"~{median_s:.2g} s"


def part(used_bytes: int, limit_bytes: int) -> str:
    limit = f" of {limit_bytes / GB:.1f}" if limit_bytes else ""
    return f"{used_bytes / GB:.2f}{limit} GB"


def duration(seconds: int) -> str:
    """In the two largest units that say something."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table
