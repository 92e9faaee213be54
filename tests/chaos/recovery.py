"""How long a fault kept each request waiting, from what its client heard and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from tests.chaos.ledger import Entry

SEEN_ONLY_AT_THE_END = frozenset({"wait", "seeded", "batch"})
"""Kinds that hear nothing in between, so that they can't tell a pause."""
SLACK_S = 1.0
"""What was under way when a fault began may still come in for so long."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One time that one fault was inflicted; monotonic seconds."""

    fault: str
    began_at: float
    counts_from: float
    """From here recovery is reckoned: the kill itself, or the end of an outage that had to be waited for."""
    ended_at: float
    """From here on nothing new is inflicted."""


def recovery_s(heard_at: Sequence[float], blow: Blow) -> float | None:
    """The longest silence that began with or soon after the blow, or while it lasted; None where it has no end."""
    after = [moment for moment in heard_at if moment > blow.counts_from]
    if not after:
        return None
    latest = max(blow.ended_at, blow.counts_from) + SLACK_S
    return max(end - began for began, end in pairwise([blow.counts_from, *after]) if began <= latest)


def recoveries_s(entries: Sequence[Entry], blow: Blow) -> list[float]:
    """Of those that it disturbed and that came to something."""
    hit = [e for e in entries if e.was_open_at(blow.began_at) and e.kind not in SEEN_ONLY_AT_THE_END]
    found = [recovery_s(entry.heard_at, blow) for entry in hit]
    return [seconds for seconds in found if seconds is not None]


def blow_of(entry: Entry, blows: Sequence[Blow]) -> Blow | None:
    """The one that it has to be counted under: the first that hit it, else the last before it was accepted."""
    hit = [blow for blow in blows if entry.was_open_at(blow.began_at)]
    if hit:
        return hit[0]
    before = [blow for blow in blows if blow.began_at <= entry.accepted_at]
    return before[-1] if before else None


def p50(values: Sequence[float]) -> float | None:
    return median(values) if values else None
