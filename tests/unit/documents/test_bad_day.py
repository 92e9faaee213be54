"""The bad-day guide quotes what the service really says."""

import re

from tests.support.documents import ROOT

PACKAGES = ("api", "deploy", "models", "queue_config", "workers")
GUIDE = (ROOT / "docs/OPERATIONS.md").read_text().partition("## A bad day")[2].partition("\n## ")[0]


def sources() -> str:
    """All code, with strings that go on in the next line put together."""
    text = "\n".join(path.read_text() for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return re.sub(r"\"\n\s*f?\"", "", text)


def test_every_quoted_message_is_one_of_the_codes() -> None:
    quoted = re.findall(r"\"([^\"\n]+)\"", GUIDE)
    code = sources()

    assert len(quoted) > 30
    assert [message for message in quoted if message not in code] == []


def test_every_symptom_has_a_cause_and_a_remedy() -> None:
    rows = [line.strip("|").split(" | ") for line in GUIDE.splitlines() if line.startswith("| **")]

    assert len(rows) >= 15
    assert [row[0] for row in rows if len(row) != 3 or not all(cell.strip() for cell in row)] == []
