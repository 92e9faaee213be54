"""Window: how many requests of each batch may be queued or running; tenants with batches share the places evenly."""

from collections import Counter
from collections.abc import Mapping


class Window:
    """A tenant's places stay his though he may not need them all: a worker has fewer than any window."""

    def __init__(self, size: int, tenants: Mapping[str, str]) -> None:
        """`tenants` are those of all batches that go on, by batch."""
        self._tenants = tenants
        self._share = max(1, size // max(1, len(set(tenants.values()))))
        self._left = size
        self._taken: Counter[str] = Counter()

    def take(self, batch_id: str, places: int) -> None:
        """Note that it has taken so many, or given back where negative."""
        self._left -= places
        self._taken[self._tenants[batch_id]] += places

    def room(self, batch_id: str) -> int:
        """How many it may take now; may be negative."""
        return min(self._left, self._share - self._taken[self._tenants[batch_id]])
