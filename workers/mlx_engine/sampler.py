"""Sampler: the next token of every row at once, whatever mixture of settings the rows have.

Tokens are drawn by walking up the cumulative weights to one or two uniform numbers a row, instead of adding noise to
every logit. Order: penalties, biases and masks; then temperature, min_p, top_k, top_p, each on what the one before has
left.
"""

from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from workers.mlx_engine.chance import uniforms
from workers.mlx_engine.masks import Masks
from workers.mlx_engine.sampling_table import Group, SamplingTable

NOT_FINITE = -1
"""Stands in a report for a row whose logits held a NaN or an infinity."""
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Choice:
    """Rows to draw in one way: logits (rows, vocabulary) and uniform numbers (rows, 2)."""

    group: Group
    logits: mx.array
    luck: mx.array

    def take(self, places: list[int]) -> "Choice":
        index = mx.array(places)
        return Choice(self.group.take(places), self.logits[index], self.luck[index])


@dataclass(slots=True)
class Draw:
    """One token a row, still being computed.

    `tokens` (rows,) are valid ids whatever happened, to feed the next step; `report` (rows,) has NOT_FINITE where
    something did.
    """

    tokens: mx.array
    report: mx.array
    doubt: tuple[Choice, mx.array] | None = None
    """Rows whose nucleus may reach beyond the sorted candidates, and for each, once computed, whether it does."""

    @property
    def outputs(self) -> list[mx.array]:
        """What has to be computed before it can be read."""
        return [self.report] if self.doubt is None else [self.report, self.doubt[1]]

    def at(self, row: int) -> "Draw":
        """Of that row alone, once no doubt is left."""
        return Draw(self.tokens[row : row + 1], self.report[row : row + 1])


class Sampler:
    """`candidates` bounds the sort for top_k and top_p; 0 always sorts the vocabulary, and never leaves a doubt."""

    def __init__(self, candidates: int) -> None:
        self._candidates = candidates

    def draw(
        self,
        logits: mx.array,
        table: SamplingTable,
        positions: NDArray[np.uint64],
        after: mx.array | None = None,
        masks: Masks | None = None,
    ) -> Draw:
        """Draw from logits (rows, vocabulary); `positions` (rows,) as in `chance.uniforms`.

        `after` (rows,) are the tokens that the rows go on from, None where the table's tallies have them already.
        """
        logits = logits.astype(mx.float32)
        # One NaN or infinity anywhere makes the sum one, at a fifth of what looking at each element costs.
        finite = mx.isfinite(logits.sum(axis=-1))
        logits = table.changed(logits, after)
        if masks is not None:
            logits = masks.apply(logits)
        tokens = mx.argmax(logits, axis=-1)
        doubt = None
        if table.plain or table.filtered:
            luck = mx.array(uniforms(table.streams, positions))
        if table.plain:
            tokens = _put(tokens, table.plain, _draw_plain(_choice(table.plain, logits, luck)))
        if table.filtered:
            choice = _choice(table.filtered, logits, luck)
            width = logits.shape[-1]
            drawn, unsure = _draw_filtered(choice, min(self._candidates, width) or width)
            tokens = _put(tokens, table.filtered, drawn)
            doubt = (choice, unsure) if 0 < self._candidates < width else None
        return Draw(tokens, mx.where(finite, tokens.astype(mx.int32), NOT_FINITE), doubt)

    def settle(self, draw: Draw) -> None:
        """Draw again, sorting the whole vocabulary, for the rows in doubt; waits until the draw is computed."""
        doubt, draw.doubt = draw.doubt, None
        if doubt is None:
            return
        choice, unsure = doubt
        places = np.flatnonzero(np.array(unsure)).tolist()
        if places:
            choice = choice.take(places)
            drawn, _ = _draw_filtered(choice, choice.logits.shape[-1])
            draw.tokens = _put(draw.tokens, choice.group, drawn)
            draw.report = mx.where(draw.report == NOT_FINITE, NOT_FINITE, draw.tokens.astype(mx.int32))


def _choice(group: Group, logits: mx.array, luck: mx.array) -> Choice:
    if len(group.rows) == logits.shape[0]:
        return Choice(group, logits, luck)
    return Choice(group, logits[group.index], luck[group.index])


def _put(tokens: mx.array, group: Group, drawn: mx.array) -> mx.array:
    drawn = drawn.astype(tokens.dtype)
    if len(group.rows) == tokens.shape[0]:
        return drawn
    tokens[group.index] = drawn
    return tokens


def _draw_plain(choice: Choice) -> mx.array:
    """Tokens (rows,): first a block of the vocabulary by its weight, then a token in it, each by its own number.

    The cumulative sums stay short, and so exact, and one pass over the vocabulary is all: the weights.
    """
    weights = _weights(choice.logits, choice.logits.max(axis=-1, keepdims=True), choice.group)
    missing = -weights.shape[-1] % _BLOCK
    if missing:
        weights = mx.pad(weights, [(0, 0), (0, missing)])
    blocks = weights.reshape(weights.shape[0], -1, _BLOCK)
    block = _walk(blocks.sum(axis=-1), choice.luck[:, :1])
    inside = mx.take_along_axis(blocks, block[..., None], axis=1)[:, 0]
    return (block * _BLOCK + _walk(inside, choice.luck[:, 1:]))[:, 0]


def _draw_filtered(choice: Choice, candidates: int) -> tuple[mx.array, mx.array]:
    """Tokens (rows,), and whether each is unsure because its nucleus wasn't all among the candidates."""
    logits, group = choice.logits, choice.group
    values, ids = _likeliest(logits, candidates)
    best = values[:, :1]
    weights = _weights(values, best, group)
    has_k = group.top_k > 0
    weights = mx.where(has_k & (mx.arange(candidates) >= group.top_k), 0.0, weights)
    running = mx.cumsum(weights, axis=-1)
    total = running[:, -1:]
    if candidates < logits.shape[-1] and not group.all_have_k:
        total = mx.where(has_k, total, _weights(logits, best, group).sum(axis=-1, keepdims=True))
    nucleus = group.top_p * total
    unsure = mx.where(has_k, group.top_k > candidates, running[:, -1:] < nucleus)
    # A token is in while those above it don't reach top_p, so the best one always is.
    weights = mx.where(running - weights < nucleus, weights, 0.0)
    chosen = _walk(weights, choice.luck[:, :1])
    return mx.take_along_axis(ids, chosen, axis=-1)[:, 0], unsure[:, 0]


def _weights(logits: mx.array, best: mx.array, group: Group) -> mx.array:
    """Each token's probability as a multiple of the best one's; 0 under the row's min_p."""
    powers = (logits - best) * group.sharpness
    # MLX's power is three times as fast as its exp on the CPU.
    weights = mx.power(2.0, powers)
    return weights if group.least is None else mx.where(powers >= group.least, weights, 0.0)


def _walk(weights: mx.array, luck: mx.array) -> mx.array:
    """The index (rows, 1) at which the running sum of weights (rows, n) passes `luck` (rows, 1) of the whole."""
    running = mx.cumsum(weights, axis=-1)
    index = (running <= luck * running[:, -1:]).sum(axis=-1, keepdims=True)
    index = mx.minimum(index, weights.shape[-1] - 1)
    # Parallel sums may be uneven in the last bit, and a weight of nothing must never be drawn.
    empty = mx.take_along_axis(weights, index, axis=-1) <= 0
    return mx.where(empty, mx.argmax(weights, axis=-1, keepdims=True), index)


def _likeliest(logits: mx.array, count: int) -> tuple[mx.array, mx.array]:
    """The `count` largest values of each row and their ids, best first."""
    if count == logits.shape[-1]:
        ids = mx.argsort(-logits, axis=-1)
        return mx.take_along_axis(logits, ids, axis=-1), ids
    ids = mx.argpartition(logits, -count, axis=-1)[:, -count:]
    values = mx.take_along_axis(logits, ids, axis=-1)
    order = mx.argsort(-values, axis=-1)
    return mx.take_along_axis(values, order, axis=-1), mx.take_along_axis(ids, order, axis=-1)
