"""The short form of `make chaos`: workers, API and Redis are killed under load, and nothing accepted is lost."""

from rich.console import Console

from tests.chaos.campaign import inflict, mixed_kills
from tests.chaos.clients import Clients
from tests.chaos.faults import KILLS
from tests.chaos.ledger import Ledger
from tests.chaos.load import Load
from tests.chaos.prompts import Prompt, echo
from tests.chaos.report import rows_of, troubles_of
from tests.chaos.testbed import Testbed


def short(_kind: str, number: int) -> Prompt:
    return echo(number, 8 + number % 5)


def test_kills_lose_repeat_and_change_nothing() -> None:
    ledger = Ledger()
    with Testbed() as testbed, Load(Clients(testbed.url, ledger), prompt=short) as load:
        blows = list(inflict(mixed_kills(6), testbed, load, Console(soft_wrap=True).print))
    rows = rows_of(ledger, blows, KILLS)

    assert troubles_of(ledger) == []
    assert [(row.times, row.accepted > 0, row.recovery_max_s is not None) for row in rows] == [
        (3, True, True),
        (1, True, True),
        (1, True, True),
        (1, True, True),
    ]
