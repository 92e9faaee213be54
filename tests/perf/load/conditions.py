"""Conditions: how much of each scenario's clients and time a run takes; the bars are for all of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conditions:
    scale: float = 1.0
    """Of the numbers of clients and of the times; less than 1 tries a scenario out."""
    minutes: float = 10.0
    """How long idle streams are held."""

    def count(self, full: int) -> int:
        return max(2, round(full * self.scale))

    def seconds(self, full: float) -> float:
        return max(2.0, full * self.scale)
