"""Settings in the documents: docs/SETTINGS.md has each with its default, and none is named that there isn't."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from queue_config.settings import CHECKOUT, PREFIX, Settings
from tests.support.documents import ROOT, guides, name_of

NAMES = [PREFIX + field.name.upper() for field in fields(Settings)]


def default(name: str) -> str:
    """As people write it."""
    value = getattr(Settings(), name.removeprefix(PREFIX).lower())
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Path):
        return value.relative_to(CHECKOUT).as_posix()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_manual_has_every_setting_with_its_default_in_the_codes_order() -> None:
    rows = re.findall(r"^\| `(PENSIEVE_\w+)` \| (.*?) \|", (ROOT / "docs/SETTINGS.md").read_text(), re.MULTILINE)

    said = [(name, "" if value == "none" else value.strip("`").replace(",", "")) for name, value in rows]
    assert said == [(name, default(name)) for name in NAMES]


@pytest.mark.parametrize("path", guides(), ids=name_of)
def test_every_setting_that_a_guide_names_exists(path: Path) -> None:
    named = set(re.findall(r"\bPENSIEVE_[A-Z0-9_]*[A-Z0-9]\b", path.read_text()))

    assert sorted(named - {*NAMES}) == []
