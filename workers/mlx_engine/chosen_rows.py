"""ChosenRows: the seam in front of a model's head, so that logits are computed for only those rows that are drawn from.

mlx-lm's models end in a norm and a head, which is a quarter of a small model's work. The norm is replaced by one that
lets only the chosen rows through; what comes behind it sees no others.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import mlx.core as mx
import mlx.nn as nn

_LAST_NORM = re.compile(r"(?:[^\W\d]\w*\.)*(?:norm|final_norm|final_layernorm|ln_f)")
"""The path of a module that every layer's output goes through; those of the layers have numbers in them."""


class ChosenRows(nn.Module):  # type: ignore[misc]
    """The last norm of a model, in its place. Without a choice it is that norm."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm
        self._rows: mx.array | None = None

    @classmethod
    def of(cls, model: nn.Module) -> Self:
        """Put into the model, or found there; ValueError where its last norm can't be told."""
        found = {path: part for path, part in model.named_modules() if _LAST_NORM.fullmatch(path)}
        seams = [part for part in found.values() if isinstance(part, cls)]
        if seams:
            return seams[0]
        if len(found) != 1:
            raise ValueError(f"it has {len(found)} modules that may be its last norm")
        ((path, norm),) = found.items()
        parent = model
        *above, name = path.split(".")
        for step in above:
            parent = parent[step]
        seam = cls(norm)
        setattr(parent, name, seam)
        return seam

    def __call__(self, x: mx.array) -> mx.array:
        out: mx.array = self.norm(x if self._rows is None else x[self._rows])
        return out

    @contextmanager
    def only(self, rows: Sequence[int]) -> Iterator[None]:
        """In here, the model gives the logits of these rows of its batch alone."""
        self._rows = mx.array(list(rows), mx.uint32)
        try:
            yield
        finally:
            self._rows = None
