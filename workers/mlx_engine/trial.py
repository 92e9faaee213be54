"""What is chosen by trying: whether what was tried gives the same as a plain computation."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

_TOLERANCE = 0.02
"""Of what it is compared with. What is wrong is wrong by far more; rounding to bfloat16 makes differences of 0.005."""


def what_is_wrong(trial: Callable[[], str | None]) -> str | None:
    """What the trial says, or raises; None if nothing.

    A device too old for a kernel, a compiler that isn't there, a layer that wants arrays or a mask: all the same.
    """
    try:
        return trial()
    except Exception as error:  # noqa: BLE001
        return str(error)


def far_off(off: float, what: str = "outputs") -> str | None:
    """The fault in being so far from what was wanted, as a share of that; None where it is near enough."""
    # Not the other way round: a NaN is wrong too.
    return None if off < _TOLERANCE else f"its {what} are off by {off:.3f}"


def filled(model: nn.Module, length: int) -> list[Any]:
    """The caches, one a layer, of a sequence of so many tokens, computed."""
    caches: list[Any] = make_prompt_cache(model)
    mx.eval(model(mx.arange(length)[None], cache=caches))
    return caches
