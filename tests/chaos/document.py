"""docs/RELIABILITY.md from the runs that lie in docs/reliability: rewritten whole, so that no figure is typed by hand.

`python -m tests.chaos.document` does only that.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from tests.chaos.faults import KILLS
from tests.chaos.report import RESULTS, Report, Row
from tests.chaos.soak import RESULT_TTL_S, Soak
from tests.perf.page import hardware, table, verdict

SOAK, ACCEPT = "soak.json", "accept.json"
MAX_KILL_S = 10.0
MAX_ACCEPT_MS = 1.0
MAX_SLOPE_MIB = 1.0
KILL_NAMES = frozenset(fault.name for fault in KILLS)

HEAD = """\
# Reliability

`make chaos` breaks a running Pensieve in every way that it knows of, under load, and writes this page; nothing here was
typed by hand. It is the whole service as `pensieve start` sets it up: supervisor, gunicorn, Redis with its append-only
file, and worker processes. Only the engine is a stand-in, whose right answer is known word by word; a section says so
where it is not.

Clients of six kinds keep asking: readers of a job's events that come back with `Last-Event-ID`, streams of
`/v1/messages` that go on as jobs, pollers, batches, and callers that wait with an idempotency key, greedily or by a
seed. A ledger outside the service notes what was **accepted** (an id or `message_start` was seen) and every piece of
each answer.

- **lost**: accepted, and without an end, or with another one than it should have.
- **missing**, **duplicated**: words of the right answer that were not in it, and words that were and should not be.
- **broken**: an event sent twice or out of order, a stream that ended in silence, an answer that changed.
- **seconds**: the longest silence that a fault caused each request that was under way, from the fault itself or, where
  it says so, from its end; half of the **disturbed** requests waited no longer than p50. Callers that wait and batches
  can't tell a pause and are left out. **late**: how many paused longer than the bar.

Requests that come while Redis or the API is away are refused, not lost: their clients ask again. `make chaos
ARGS="--kills 200 --only none --name kills"` is the long campaign; `python -m tests.chaos.soak` and `python -m
tests.perf.accept` measure the rest. A short form with six kills runs with the other tests.
"""


def rewrite(results: Path = RESULTS) -> Path:
    """Write the page beside the folder."""
    reports = [Report.read(path) for path in sorted(results.glob("*.json")) if path.name not in {SOAK, ACCEPT}]
    soak = Soak.read(results / SOAK) if (results / SOAK).exists() else None
    accept = orjson.loads((results / ACCEPT).read_bytes()) if (results / ACCEPT).exists() else None
    sections = [HEAD, *bars(reports, soak, accept), *(line for report in reports for line in section(report))]
    sections += soak_section(soak) if soak else []
    sections += accept_section(accept) if accept else []
    page = results.parent / "RELIABILITY.md"
    page.write_text("\n".join(sections))
    return page


def bars(reports: Sequence[Report], soak: Soak | None, accept: dict[str, Any] | None) -> list[str]:
    found = []
    for report in reports:
        kills = [row for row in report.rows if row.fault in KILL_NAMES]
        found += [_kills(report.name, kills)] if kills else []
        found += [_one(row) for row in report.rows if row not in kills and row.bar_s is not None]
    if accept:
        cost = accept["accept_p50_ms"] - accept["enqueue_p50_ms"]
        text = f"a durable accept costs at most {MAX_ACCEPT_MS:.0f} ms more than a plain enqueue, p50"
        found.append((text, f"{cost:.2f} ms more", verdict(holds=cost <= MAX_ACCEPT_MS)))
    if soak:
        worst = max(soak.slopes, key=lambda name: soak.slopes[name])
        text = f"no process grows by more than {MAX_SLOPE_MIB:.0f} MiB in 10 minutes after warm-up"
        measured = f"at most {soak.slopes[worst]:.2f} MiB ({worst}), {soak.minutes:.0f} minutes"
        found.append((text, measured, verdict(holds=soak.slopes[worst] <= MAX_SLOPE_MIB)))
    return ["## The bars", "", *table(("bar", "measured", ""), found), ""]


def _kills(name: str, rows: Sequence[Row]) -> tuple[str, ...]:
    text = f"{name}: worker, API and Redis killed, nothing lost or changed, all go on within {MAX_KILL_S:.0f} s"
    slowest = max((row.recovery_max_s or 0.0 for row in rows), default=0.0)
    harmed = sum(row.lost + row.missing + row.duplicated + row.broken_promises for row in rows)
    late, disturbed = sum(row.late or 0 for row in rows), sum(row.disturbed or 0 for row in rows)
    kills, accepted = sum(row.times for row in rows), sum(row.accepted for row in rows)
    measured = f"{kills} kills, {accepted} accepted, {harmed} harmed, at most {slowest:.1f} s"
    if late:
        measured += f", {late} of {disturbed} later than the bar"
    return text, measured, verdict(holds=harmed == 0 and slowest <= MAX_KILL_S)


def _one(row: Row) -> tuple[str, ...]:
    text = f"{row.fault}: nothing lost or changed, all go on within {row.bar_s:.0f} s"
    harmed = row.lost + row.missing + row.duplicated + row.broken_promises
    measured = f"{row.accepted} accepted, {harmed} harmed, at most {row.recovery_max_s or 0.0:.1f} s"
    return text, measured, verdict(holds=row.is_clean and row.is_in_time)


def section(report: Report) -> list[str]:
    heads = (
        "fault",
        "times",
        "accepted",
        "lost",
        "missing",
        "duplicated",
        "broken",
        "disturbed",
        "late",
        "p50 s",
        "max s",
    )
    rows = [
        (
            row.fault,
            *map(str, (row.times, row.accepted, row.lost, row.missing, row.duplicated, row.broken_promises)),
            *("-" if count is None else str(count) for count in (row.disturbed, row.late)),
            *("-" if s is None else f"{s:.1f}" for s in (row.recovery_p50_s, row.recovery_max_s)),
        )
        for row in report.rows
    ]
    return [
        f"## {report.name.capitalize()}",
        "",
        _circumstances(report.machine),
        *(["", report.note] if report.note else []),
        "",
        *table(heads, rows),
        "",
        _in_words(report.totals),
        "",
        *(f"- {trouble}" for trouble in report.troubles),
        *([""] if report.troubles else []),
    ]


def _in_words(totals: dict[str, Any]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in totals["kinds"].items())
    refused = ", ".join(f"{count} with {status}" for status, count in totals["refused"].items()) or "none"
    facts = [
        f"{totals['accepted']} requests accepted ({kinds})",
        f"{totals['comebacks']} times a client lost its connection, or left, and came back",
        f"refused: {refused}; the slowest refusal took {totals['slowest_refusal_s']:.2f} s",
        f"{totals['refused_without_retry_after']} refusals with 529 had no `retry-after`",
        f"{totals['overtaken_writes']} writes of workers that had been overtaken were refused",
    ]
    if totals.get("load_max"):
        facts.append(f"load average on the way {totals['load_p50']:.1f} (median), {totals['load_max']:.1f} (most)")
    return "; ".join(facts) + "."


def soak_section(soak: Soak) -> list[str]:
    heads = ("process", "MiB at first", f"after {soak.warm_up_minutes:.0f} min", "at last", "MiB per 10 min after that")
    warm = next(i for i, at in enumerate(soak.at_s) if at >= soak.warm_up_minutes * 60)
    rows = [
        (name, *(f"{mib[i]:.1f}" for i in (0, warm, -1)), f"{soak.slopes[name]:.2f}")
        for name, mib in soak.rss_mib.items()
    ]
    told = (
        f"{soak.readers} clients at a time; {soak.accepted} requests accepted, {len(soak.troubles)} of them lost or "
        f"damaged. Results were kept for {RESULT_TTL_S} s."
    )
    return [
        f"## Soak of {soak.minutes:.0f} minutes",
        "",
        _circumstances(soak.machine),
        "",
        *table(heads, rows),
        "",
        told,
        "",
    ]


def accept_section(accept: dict[str, Any]) -> list[str]:
    rows = [
        (text, *(f"{accept[f'{name}_p{percent}_ms']:.2f}" for percent in (50, 99)))
        for name, text in (("accept", "durable accept"), ("enqueue", "plain enqueue, nothing on disk"))
    ]
    return [
        "## What durability costs",
        "",
        _circumstances(accept["machine"]),
        "",
        *table(("milliseconds", "p50", "p99"), rows),
        "",
        f"{accept['pairs']} of each by turns; prompts of {accept['prompt_tokens']} tokens.",
        "",
    ]


def _circumstances(machine: dict[str, Any]) -> str:
    made = f"commit {machine['commit']}, {machine['at']}"
    return f"{hardware(machine)}; {made}; load average before {machine['load_before']}."


if __name__ == "__main__":
    rewrite()
