"""What MLX keeps of memory that is free: quick to use again, and lacking for other programs on the device."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import mlx.core as mx

KEPT_S = 10.0
"""Without requests for so long, nothing free is kept."""


def give_back() -> None:
    """Let other programs have it. CUDA keeps for itself what is freed until somebody waits for the device."""
    mx.clear_cache()
    mx.synchronize()


@contextmanager
def giving_back() -> Iterator[None]:
    """Where something raises, MLX gives back what is free: memory may be what was lacking, as others use it too."""
    try:
        yield
    except Exception:
        mx.clear_cache()
        raise


class FreeMemory:
    """Given back once after each time of work, when that has been over for a while."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used_at: float | None = None

    def used(self) -> None:
        """The device works."""
        self._used_at = self._clock()

    def idle(self) -> None:
        """It doesn't; to be called again and again."""
        if self._used_at is not None and self._clock() - self._used_at >= KEPT_S:
            self._used_at = None
            give_back()
