"""SamplingTable: how each row of the batch wants its next token drawn, as arrays. Rebuilt when rows come or go."""

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import Self

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from queue_config.request import SamplingParams
from workers.mlx_engine.chance import stream
from workers.mlx_engine.penalties import Biases, Penalties, Tally, column

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

    penalties: Penalties | None = None
    biases: Biases | None = None

    @classmethod
    def of(cls, params: Rows[SamplingParams], tallies: Rows[Tally | None] = ()) -> Self:
        """`tallies`: the counts of the rows that need one; without any, nobody's tokens are penalised."""
        warm = [i for i, p in enumerate(params) if p.temperature >= _COLDEST]
        filtered = [i for i in warm if params[i].top_k > 0 or params[i].top_p < 1]
        plain = [i for i in warm if i not in set(filtered)]
        return cls(
            size=len(params),
            streams=np.array([stream(p.seed) for p in params], np.uint64),
            plain=_group(plain, params),
            filtered=_group(filtered, params),
            penalties=Penalties.of(params, tallies),
            biases=Biases.of(params),
        )

    def changed(self, logits: mx.array, after: mx.array | None) -> mx.array:
        """Logits (rows, vocabulary) after penalties and biases; `after` as in `Sampler.draw`."""
        if self.penalties is not None:
            if after is not None:
                self.penalties.note(after)
            logits = self.penalties.apply(logits)
        return logits if self.biases is None else self.biases.apply(logits)

    def dissolve(self) -> None:
        """The rows are about to change: whoever stays keeps what was counted for it."""
        if self.penalties is not None:
            self.penalties.give_back()


def _group(rows: list[int], params: Rows[SamplingParams]) -> Group | None:
    if not rows:
        return None
    chosen = [params[i] for i in rows]
    top_k = [p.top_k for p in chosen]
    least = [np.log2(p.min_p) if p.min_p > 0 else -np.inf for p in chosen]
    return Group(
        rows=tuple(rows),
        sharpness=column([_LOG2_E / p.temperature for p in chosen]),
        top_k=mx.array(top_k, mx.int32)[:, None],
        top_p=column([max(p.top_p, _LEAST_TOP_P) for p in chosen]),
        least=column(least) if any(p.min_p > 0 for p in chosen) else None,
        all_have_k=min(top_k) > 0,
    )
