"""NumpyAttention: attention of a pass's tokens to keys and values in NumPy's hands, on all cores.

MLX's exp takes 25 ns a number on a Linux CPU and NumPy's less than one, which is nearly all that MLX's attention takes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from operator import itemgetter
from typing import Self

import numpy as np

from workers.mlx_engine.cores import Cores
from workers.mlx_engine.gemm import Floats, gemm_each

_HELD = 1 << 22
"""Scores that a thread holds at a time: 16 megabytes. Fewer at a time are no quicker, and half as many as a core's
cache has are slower: the BLAS has more to do for small products."""
_WORTH_SHARING = 1 << 20
"""Effort, see `_effort`: some 0.7 ms. What takes less is done sooner than shared: threads that share small arrays also
wait for each other to let go of Python's lock."""
_FEWEST_COLUMNS = 128
"""Of a part of what tokens attend to."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of one sequence, that follow one another: queries and outputs (tokens, heads, width), keys and values (KV heads,
    columns, width), the last columns being the tokens' own."""

    queries: Floats
    keys: Floats
    values: Floats
    out: Floats


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Rows of one new token each, of nearly the same length: keys and values (rows, KV heads, columns, width), the last
    column being the new tokens'; queries and outputs (rows, heads, width)."""

    queries: Floats
    keys: Floats
    values: Floats
    hidden: Floats | None
    """(rows, 1, 1, columns): -inf where the column isn't the row's, else 0; None if all are."""
    out: Floats

    @property
    def effort(self) -> int:
        rows, heads, _ = self.queries.shape
        return _effort(rows * heads * self.keys.shape[2], self.keys, self.values)

    def rows(self, rows: slice) -> "Rectangle":
        hidden = None if self.hidden is None else self.hidden[rows]
        return Rectangle(self.queries[rows], self.keys[rows], self.values[rows], hidden, self.out[rows])

    def attend(self, _: Floats) -> None:
        rows, heads, columns, width = self.keys.shape
        group, each = self.queries.shape[1] // heads, rows * heads
        scores = np.empty((rows, heads, group, columns), np.float32)
        flat = scores.reshape(each, group, columns)
        gemm_each(
            self.queries.reshape(each, group, width), self.keys.reshape(each, columns, width), flat, transposed=True
        )
        if self.hidden is not None:
            scores += self.hidden
        _weighed(flat)
        out = self.out.reshape(each, group, -1)
        gemm_each(flat, self.values.reshape(each, columns, -1), out)
        out /= _totals(flat)


@dataclass(frozen=True, slots=True)
class _Sums:
    """What tokens come to over some of the columns: (parts of the columns, heads, heads that share theirs, tokens,
    width) of outputs, with each token's weights not divided by their total yet; and 1 instead of the width, of totals
    and of the scores' peaks, to which the weights are relative."""

    out: Floats
    total: Floats
    peak: Floats

    @classmethod
    def empty(cls, *shape: int) -> Self:
        return cls(*(np.empty((*shape[:-1], width), np.float32) for width in (shape[-1], 1, 1)))

    def part(self, *where: int | slice) -> Self:
        return type(self)(self.out[where], self.total[where], self.peak[where])

    def merged(self, into: Floats) -> None:
        """Over all parts, into (tokens, heads, width)."""
        weights = np.exp(self.peak - self.peak.max(axis=0))
        weights /= (self.total * weights).sum(axis=0)
        merged = self.out[0] * weights[0]
        for out, weight in zip(self.out[1:], weights[1:], strict=True):
            merged += out * weight
        heads, group, tokens, width = merged.shape
        into.reshape(tokens, heads, group, width)[:] = merged.transpose(2, 0, 1, 3)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some tokens' queries (heads, heads that share theirs, tokens, width), and what they attend to."""

    queries: Floats
    keys: Floats
    values: Floats
    """Keys and values (heads, columns, width)."""
    has_own: bool
    """The last columns are the tokens' own."""
    sums: _Sums

    @property
    def effort(self) -> int:
        heads, group, count, _ = self.queries.shape
        return _effort(heads * group * count * self.keys.shape[1], self.keys, self.values)

    def attend(self, scratch: Floats) -> None:
        heads, group, count, width = self.queries.shape
        seen = self.keys.shape[1]
        size = heads * group * count * seen
        # A context may be so long that one token's scores don't fit.
        held = scratch[:size] if size <= scratch.size else np.empty(size, np.float32)
        scores = held.reshape(heads, group * count, seen)
        gemm_each(self.queries.reshape(heads, group * count, width), self.keys, scores, transposed=True)
        if self.has_own and count > 1:
            scores.reshape(heads, group, count, seen)[..., seen - count :] += _later(count)
        peak = _weighed(scores)
        out = np.empty((heads, group * count, self.values.shape[2]), np.float32)
        gemm_each(scores, self.values, out)
        sums = self.sums
        for put, got in ((sums.out, out), (sums.total, _totals(scores)), (sums.peak, peak)):
            put[:] = got.reshape(put.shape)


class NumpyAttention:
    def __init__(self, cores: Cores) -> None:
        self.cores = cores
        self._scratch = [np.empty(_HELD, np.float32) for _ in range(cores.count)]

    def run(self, parts: Sequence[Tokens | Rectangle]) -> None:
        """Compute the outputs of all."""
        tokens = [part for part in parts if isinstance(part, Tokens)]
        work: list[_Block | Rectangle] = [
            one for part in parts if isinstance(part, Rectangle) for one in self._shared(part)
        ]
        beside = work[0].effort if len(work) == len(tokens) == 1 else 0
        unmerged: list[tuple[_Sums, Floats]] = []
        for part in tokens:
            blocks, sums = self._cut(part, beside)
            work += blocks
            unmerged.append((sums, part.out))
        shares = _dealt(work, self.cores.count)
        self.cores.run([partial(_attend_all, *share) for share in zip(shares, self._scratch, strict=False)])
        for sums, out in unmerged:
            sums.merged(out)

    def _shared(self, rectangle: Rectangle) -> list[Rectangle]:
        rows = len(rectangle.queries)
        count = min(self.cores.count, rows) if rectangle.effort >= _WORTH_SHARING else 1
        return [rectangle.rows(slice(share * rows // count, (share + 1) * rows // count)) for share in range(count)]

    def _cut(self, tokens: Tokens, beside: int) -> tuple[list[_Block], _Sums]:
        """The sums are to be merged when all blocks have attended. One core has so much effort beside them."""
        count, heads, width = tokens.queries.shape
        kv_heads, columns, _ = tokens.keys.shape
        group = heads // kv_heads
        # Heads that share a KV head are one matrix's rows.
        shared = tokens.queries.reshape(count, kv_heads, group, width).transpose(1, 2, 0, 3)
        effort = _effort(heads * count * columns, tokens.keys, tokens.values)
        is_shared = effort >= _WORTH_SHARING
        bounds = self._bounds(count, columns, beside * columns // effort) if is_shared else [(0, columns)]
        sums = _Sums.empty(len(bounds), kv_heads, group, count, tokens.values.shape[2])
        # Parts of the columns are shared by the threads as they are.
        shares = self.cores.count if is_shared and len(bounds) == 1 else 1
        blocks = []
        for part, (begin, end) in enumerate(bounds):
            for some, start, stop in _blocks(kv_heads, group, count, end - begin, shares):
                seen = columns - count + stop if end == columns else end
                held = tokens.keys[some, begin:seen], tokens.values[some, begin:seen]
                mine = sums.part(part, some, slice(None), slice(start, stop))
                blocks.append(_Block(shared[some, :, start:stop], *held, end == columns, mine))
        return blocks, sums

    def _bounds(self, tokens: int, columns: int, beside: int) -> list[tuple[int, int]]:
        """From where to where the columns of each part are; all that are the tokens' own are in the last one. The first
        part's core has something else to do that takes as long as so many columns.

        With parts of the columns for each thread, none reads what another one does.
        """
        parts = min(self.cores.count, (columns - tokens) // _FEWEST_COLUMNS)
        if parts < 2:
            return [(0, columns)]
        most = (columns - tokens) // (parts - 1)
        first = min(max(_FEWEST_COLUMNS, (columns - (parts - 1) * beside) // parts), most)
        others = -(-(columns - first) // (parts - 1))
        starts = [0, *(min(first + part * others, (part + 1) * most) for part in range(parts - 1))]
        return list(zip(starts, [*starts[1:], columns], strict=True))


def _effort(scores: int, keys: Floats, values: Floats) -> int:
    """Of attending: what it takes in numbers that are read once."""
    return 6 * scores + keys.size + values.size


def _dealt(work: Sequence[_Block | Rectangle], cores: int) -> list[list[_Block | Rectangle]]:
    """To each core that is to have some, about as much as to the others; none gets nothing."""
    efforts = [one.effort for one in work]
    if sum(efforts) < _WORTH_SHARING:
        return [list(work)]
    shares: list[list[_Block | Rectangle]] = [[] for _ in range(min(cores, len(work)))]
    dealt = [0] * len(shares)
    for effort, one in sorted(zip(efforts, work, strict=True), key=itemgetter(0), reverse=True):
        least = dealt.index(min(dealt))
        dealt[least] += effort
        shares[least].append(one)
    return shares


def _attend_all(parts: Sequence[_Block | Rectangle], scratch: Floats) -> None:
    # Scores of a row that is broken are; whoever draws from it finds out.
    with np.errstate(invalid="ignore"):
        for part in parts:
            part.attend(scratch)


@cache
def _later(count: int) -> Floats:
    """Hides from each of so many tokens those behind it."""
    return np.triu(np.full((count, count), -np.inf, np.float32), 1)


def _weighed(scores: Floats) -> Floats:
    """Make weights of them, relative to each row's peak, which is returned."""
    peak: Floats = scores.max(axis=-1, keepdims=True)
    scores -= peak
    np.exp(scores, out=scores)
    return peak


def _totals(weights: Floats) -> Floats:
    """(count, m, 1); a third of the time of sum()."""
    totals: Floats = np.einsum("ijk->ij", weights)
    return totals[..., None]


def _blocks(kv_heads: int, group: int, tokens: int, columns: int, parts: int) -> Iterator[tuple[slice, int, int]]:
    """KV heads and tokens (from, to) to attend at once, in so many parts at least: all heads where they fit, else one
    by one."""
    most = -(-tokens // parts)
    together = kv_heads if kv_heads * group * most * columns <= _HELD else 1
    count = max(1, min(most, _HELD // (together * group * columns)))
    # Evenly, lest the last one read everything for few.
    count = -(-tokens // -(-tokens // count))
    for head in range(0, kv_heads, together):
        for start in range(0, tokens, count):
            yield slice(head, head + together), start, min(start + count, tokens)
