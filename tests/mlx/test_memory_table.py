"""docs/MODELS.md states what each model needs, as the worker reckons it."""

import re

from models.catalog import DEFAULT
from tests.support.documents import ROOT
from tests.support.model_memory import device as device_of
from tests.support.model_memory import serves, smallest_gb, table


def test_the_manual_has_every_model_of_the_catalogue_with_what_it_needs() -> None:
    rows = re.findall(r"^\| `[\w.-]+` \|(?: [\d.-]+ \|){8}$", (ROOT / "docs/MODELS.md").read_text(), re.MULTILINE)

    assert rows == table()


def test_what_is_enough_is_so_with_more_and_not_with_less() -> None:
    enough = smallest_gb(DEFAULT, "cpu") or 0

    assert [serves(DEFAULT, device_of("cpu", size)) for size in (enough // 2, enough, 2 * enough)] == [
        False,
        True,
        True,
    ]
