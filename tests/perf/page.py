"""What the pages of figures share: their tables, their verdicts, and what they say of the machine."""

from collections.abc import Sequence
from typing import Any


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of Markdown; all columns but the first are aligned as figures are."""
    rule = ("---", *("---:" for _ in heads[1:]))
    return [f"| {' | '.join(map(str, cells))} |" for cells in (heads, rule, *rows)]


def verdict(*, holds: bool) -> str:
    """On a bar."""
    return "met" if holds else "**missed**"


def hardware(machine: dict[str, Any]) -> str:
    """Of what `bench.machine` found."""
    return f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}"
