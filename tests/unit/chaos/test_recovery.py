"""What a fault did to each request, judged from what its client heard."""

from tests.chaos.ledger import Entry
from tests.chaos.prompts import Prompt
from tests.chaos.recovery import Blow, blow_of, recoveries_s, recovery_s

KILL = Blow("kill", began_at=10.0, counts_from=10.0, ended_at=10.0)
OUTAGE = Blow("outage", began_at=10.0, counts_from=20.0, ended_at=20.0)


def an_entry(kind: str = "stream", *, accepted_at: float, ended_at: float = 0.0) -> Entry:
    heard_at = [accepted_at + 0.5, 13.0, ended_at] if ended_at else []
    return Entry(0, kind, Prompt("", ""), accepted_at=accepted_at, ended_at=ended_at, heard_at=heard_at)


def test_recovery_is_the_longest_silence_that_the_blow_began() -> None:
    heard_at = [9.9, 10.1, 12.6, 12.7, 40.0]

    assert recovery_s(heard_at, KILL) == 2.5


def test_an_outage_counts_from_its_end() -> None:
    assert recovery_s([9.0, 12.0, 20.25, 20.5], OUTAGE) == 0.25


def test_who_is_never_heard_of_again_has_no_recovery() -> None:
    assert recovery_s([9.0], KILL) is None


def test_only_what_was_open_and_can_tell_is_asked() -> None:
    entries = [
        an_entry(accepted_at=9.0, ended_at=13.5),
        an_entry(accepted_at=9.0, ended_at=9.9),
        an_entry(accepted_at=11.0, ended_at=14.0),
        an_entry("wait", accepted_at=9.0, ended_at=14.0),
    ]

    assert recoveries_s(entries, KILL) == [3.0]


def test_a_request_counts_under_the_first_blow_that_hit_it_or_the_last_before_it() -> None:
    hit = an_entry(accepted_at=9.0, ended_at=30.0)
    later = an_entry(accepted_at=25.0, ended_at=30.0)
    before = an_entry(accepted_at=1.0, ended_at=2.0)

    assert [blow_of(entry, [KILL, OUTAGE]) for entry in (hit, later, before)] == [KILL, OUTAGE, None]
