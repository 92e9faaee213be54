"""Histogram: how many durations fell between which bounds, as Prometheus counts them."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Histogram:
    """Never changed; an observation makes a new one.

    `counts[i]` durations were at most `bounds_s[i]` and above the bound before; the last count has no bound.
    """

    bounds_s: tuple[float, ...]
    counts: tuple[int, ...]
    sum_s: float = 0.0

    @classmethod
    def empty(cls, bounds_s: tuple[float, ...]) -> Self:
        """For bounds in ascending order."""
        return cls(bounds_s, (0,) * (len(bounds_s) + 1))

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(data["bounds_s"]), tuple(data["counts"]), data["sum_s"])

    @property
    def count(self) -> int:
        return sum(self.counts)

    def observed(self, duration_s: float, times: int = 1) -> Self:
        """The same with this duration added, `times` over."""
        at = bisect_left(self.bounds_s, duration_s)
        counts = (*self.counts[:at], self.counts[at] + times, *self.counts[at + 1 :])
        return type(self)(self.bounds_s, counts, self.sum_s + duration_s * times)

    def plus(self, other: Self) -> Self:
        """Both together. Raises ValueError where their bounds differ, as `minus` does."""
        return self._with(other, 1)

    def minus(self, earlier: Self) -> Self:
        """What was added since."""
        return self._with(earlier, -1)

    def quantile_s(self, part: float) -> float | None:
        """About the duration that `part` of them (0 to 1) did not exceed; None where nothing was observed.

        Within its bounds a duration may lie anywhere; what lies beyond the last bound counts as that bound.
        """
        wanted, below, lower_s = part * self.count, 0, 0.0
        for bound_s, count in zip(self.bounds_s, self.counts, strict=False):
            if count and below + count >= wanted:
                return lower_s + (bound_s - lower_s) * (wanted - below) / count
            below, lower_s = below + count, bound_s
        return lower_s if self.count else None

    def _with(self, other: Self, sign: int) -> Self:
        if self.bounds_s != other.bounds_s:
            raise ValueError("histograms with other bounds don't add up")
        counts = tuple(own + sign * more for own, more in zip(self.counts, other.counts, strict=True))
        return type(self)(self.bounds_s, counts, self.sum_s + sign * other.sum_s)
