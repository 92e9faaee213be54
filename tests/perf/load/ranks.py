"""How well a value tells two groups apart, by ranks."""

from collections.abc import Sequence


def auc(lower: Sequence[float], higher: Sequence[float]) -> float:
    """The chance that one of `lower` is below one of `higher`: 0.5 where nothing tells them apart, 1 where all does."""
    both = sorted([(value, 0) for value in lower] + [(value, 1) for value in higher])
    ranks: dict[float, list[int]] = {}
    for rank, (value, _) in enumerate(both, start=1):
        ranks.setdefault(value, []).append(rank)
    # Equal values share the middle of their ranks.
    total = sum(sum(ranks[value]) / len(ranks[value]) for value in higher)
    return (total - len(higher) * (len(higher) + 1) / 2) / (len(lower) * len(higher))
