"""docs/RELIABILITY.md, written from runs."""

from pathlib import Path

import orjson

from tests.chaos.document import rewrite
from tests.chaos.faults import KILLS, OTHERS, Fault
from tests.chaos.ledger import Entry, Ledger
from tests.chaos.prompts import Prompt
from tests.chaos.recovery import Blow
from tests.chaos.report import Report, Row, rows_of, troubles_of
from tests.chaos.soak import Soak

MACHINE = {
    "processor": "a processor", "cores": 2, "memory_gb": 8.0, "system": "Linux", "commit": "abc", "at": "today",
    "load_before": 0.1,
}  # fmt: skip
TOTALS = {
    "accepted": 3, "kinds": {"stream": 3}, "comebacks": 4, "refused": {"529": 1}, "slowest_refusal_s": 0.5,
    "refused_without_retry_after": 0, "overtaken_writes": 2, "load_p50": 1.0, "load_max": 2.0,
}  # fmt: skip
KILL, OTHER = KILLS[0], OTHERS[0]


def a_report(*rows: Row) -> Report:
    return Report("kills", MACHINE, {}, rows=list(rows), totals=TOTALS)


def page_of(folder: Path, *reports: Report) -> list[str]:
    for number, report in enumerate(reports):
        report.write(folder / "reliability" / f"{number}.json")
    return rewrite(folder / "reliability").read_text().splitlines()


def test_a_bar_is_met_only_where_nothing_was_harmed_or_late(tmp_path: Path) -> None:
    killed = Row(KILL.name, times=200, accepted=900, recovery_max_s=12.0, bar_s=10.0, disturbed=800, late=1)
    lost = Row(OTHER.name, times=1, accepted=9, lost=1, recovery_max_s=3.0, bar_s=10.0, disturbed=8)
    lines = page_of(tmp_path, a_report(killed, lost))

    assert (
        "| kills: worker, API and Redis killed, nothing lost or changed, all go on within 10 s "
        "| 200 kills, 900 accepted, 0 harmed, at most 12.0 s, 1 of 800 later than the bar | **missed** |"
    ) in lines
    assert (
        f"| {OTHER.name}: nothing lost or changed, all go on within 10 s "
        "| 9 accepted, 1 harmed, at most 3.0 s | **missed** |"
    ) in lines


def test_soak_and_accept_have_bars_and_sections_of_their_own(tmp_path: Path) -> None:
    soak = Soak(MACHINE, 30, 0.1, 4, 100, [], [0.0, 10.0], {"API": [60.0, 60.5]}, {"API": 0.5})
    soak.write(tmp_path / "reliability" / "soak.json")
    accept = {"machine": MACHINE, "pairs": 9, "prompt_tokens": 500}
    figures = {"accept_p50_ms": 1.5, "accept_p99_ms": 2.0, "enqueue_p50_ms": 1.25, "enqueue_p99_ms": 2.0}
    (tmp_path / "reliability" / "accept.json").write_bytes(orjson.dumps(accept | figures))
    lines = page_of(tmp_path)

    assert "| a durable accept costs at most 1 ms more than a plain enqueue, p50 | 0.25 ms more | met |" in lines
    assert "| API | 60.0 | 60.5 | 60.5 | 0.50 |" in lines
    assert "| durable accept | 1.50 | 2.00 |" in lines


def test_rows_count_what_was_lost_and_late_under_the_fault_that_hit_it() -> None:
    ledger = Ledger()
    fault = Fault("a fault", KILL.inflict, bar_s=2.0)
    blow = Blow("a fault", 10.0, 10.0, 10.0)
    right = Prompt("", "one two")
    ledger.entries = [
        Entry(0, "stream", right, id="fine", accepted_at=9.0, text="one two", heard_at=[11.0], ended_at=11.0,
              outcome="succeeded"),
        Entry(1, "stream", right, id="lost", accepted_at=9.0, text="one", heard_at=[13.0]),
        Entry(2, "stream", right, id="never accepted"),
    ]  # fmt: skip
    (row,) = rows_of(ledger, [blow], [fault])

    assert row == Row(
        "a fault", times=1, accepted=2, lost=1, disturbed=2, late=1, recovery_p50_s=2.0, recovery_max_s=3.0, bar_s=2.0
    )
    assert troubles_of(ledger) == ["stream lost: no end  [] Damage(missing=0, duplicated=0) 'one'"]
