"""SamplingTable: how each row of the batch wants its next token drawn, as arrays. Rebuilt when rows come or go."""

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import Self

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from queue_config.request import SamplingParams
from workers.mlx_engine.chance import stream

_LOG2_E = 1.4426950408889634
_COLDEST = 1e-5
"""A lower temperature is greedy: dividing by it would leave no other choice anyway."""
_LEAST_TOP_P = 1e-9


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are drawn in the same way, and their settings as columns (rows, 1)."""

    rows: tuple[int, ...]
    """Indices into the batch."""
    sharpness: mx.array
    """log2(e) / temperature: two to the power of logit times this is the token's weight."""
    top_k: mx.array
    top_p: mx.array
    least: mx.array | None
    """log2(min_p): no weight below two to this power of the best; None where no row has a min_p."""
    all_have_k: bool

    @property
    def index(self) -> mx.array:
        return mx.array(self.rows, mx.uint32)

    def take(self, places: list[int]) -> Self:
        """The group of only those rows; `places` index into `rows`."""
        index = mx.array(places)
        return type(self)(
            tuple(self.rows[place] for place in places),
            self.sharpness[index], self.top_k[index], self.top_p[index],
            None if self.least is None else self.least[index],
            self.all_have_k,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SamplingTable:
    """Rows in neither group are greedy."""

    size: int
    streams: NDArray[np.uint64]
    plain: Group | None
    """Rows that may draw any token (above their min_p)."""
    filtered: Group | None
    """Rows with a top_k or a top_p, which have to know the order of the likeliest tokens."""

    @classmethod
    def of(cls, params: Rows[SamplingParams], min_p: Rows[float] = ()) -> Self:
        min_p = min_p or [0.0] * len(params)
        warm = [i for i, p in enumerate(params) if p.temperature >= _COLDEST]
        filtered = [i for i in warm if params[i].top_k > 0 or params[i].top_p < 1]
        plain = [i for i in warm if i not in set(filtered)]
        return cls(
            size=len(params),
            streams=np.array([stream(p.seed) for p in params], np.uint64),
            plain=_group(plain, params, min_p),
            filtered=_group(filtered, params, min_p),
        )


def _group(rows: list[int], params: Rows[SamplingParams], min_p: Rows[float]) -> Group | None:
    if not rows:
        return None
    chosen = [params[i] for i in rows]
    top_k = [p.top_k for p in chosen]
    least = [np.log2(min_p[i]) if min_p[i] > 0 else -np.inf for i in rows]
    return Group(
        rows=tuple(rows),
        sharpness=_column([_LOG2_E / p.temperature for p in chosen]),
        top_k=mx.array(top_k, mx.int32)[:, None],
        top_p=_column([max(p.top_p, _LEAST_TOP_P) for p in chosen]),
        least=_column(least) if any(min_p[i] > 0 for i in rows) else None,
        all_have_k=min(top_k) > 0,
    )


def _column(values: Rows[float]) -> mx.array:
    return mx.array(np.array(values, np.float32))[:, None]
