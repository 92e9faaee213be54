"""Penalties: logits changed by what a row's tokens have been, and by its own biases, for the rows that ask for it.

How often each token has come is counted on the device, from the tokens drawn there, so that no step waits for the
host to have read the one before.
"""

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import Self

import mlx.core as mx
import numpy as np

from queue_config.request import SamplingParams


@dataclass(slots=True, eq=False)
class Tally:
    """One row's tokens so far: `prompt` (vocabulary,) which are in its prompt, `output` (vocabulary,) how often each
    was drawn."""

    prompt: mx.array
    output: mx.array

    @classmethod
    def of(cls, params: SamplingParams, prompt: Rows[int], output: Rows[int], vocabulary: int) -> Self | None:
        """Counted anew from the tokens; None for a row that nothing is counted for."""
        if params.repetition_penalty == 1 and params.presence_penalty == 0 and params.frequency_penalty == 0:
            return None
        return cls(mx.array(_count(prompt, vocabulary) > 0), mx.array(_count(output, vocabulary)))


@dataclass(slots=True, eq=False)
class Penalties:
    """Rows that are counted for, their counts stacked (rows, vocabulary), and their settings as columns (rows, 1)."""

    rows: tuple[int, ...]
    """Indices into the batch."""
    tallies: list[Tally]
    repetition: mx.array
    presence: mx.array
    frequency: mx.array
    _prompt: mx.array
    _output: mx.array

    @classmethod
    def of(cls, params: Rows[SamplingParams], tallies: Rows[Tally | None]) -> Self | None:
        counted = [(row, tally) for row, tally in enumerate(tallies) if tally is not None]
        if not counted:
            return None
        asked = [params[row] for row, _ in counted]
        return cls(
            tuple(row for row, _ in counted),
            [tally for _, tally in counted],
            column([p.repetition_penalty for p in asked]),
            column([p.presence_penalty for p in asked]),
            column([p.frequency_penalty for p in asked]),
            mx.stack([tally.prompt for _, tally in counted]),
            mx.stack([tally.output for _, tally in counted]),
        )

    def note(self, tokens: mx.array) -> None:
        """These tokens (batch rows,) are the ones that the rows go on from; each is to be noted once."""
        index = mx.array(self.rows, mx.uint32)
        self._output = self._output.at[mx.arange(len(self.rows)), tokens[index]].add(1)

    def apply(self, logits: mx.array) -> mx.array:
        """Logits (batch rows, vocabulary), with these rows' penalised."""
        index = None if len(self.rows) == logits.shape[0] else mx.array(self.rows, mx.uint32)
        mine = logits if index is None else logits[index]
        drawn = self._output > 0
        repeated = mx.where(mine > 0, mine / self.repetition, mine * self.repetition)
        mine = mx.where(self._prompt | drawn, repeated, mine)
        mine = mine - self.frequency * self._output - mx.where(drawn, self.presence, 0.0)
        if index is None:
            return mine
        logits[index] = mine
        return logits

    def give_back(self) -> None:
        """Note in the rows' own tallies what has been counted here; the rows are about to be put together anew."""
        for place, tally in enumerate(self.tallies):
            tally.output = self._output[place]


@dataclass(frozen=True, slots=True)
class Biases:
    """What is added to which logits, of all rows, one entry a bias."""

    rows: mx.array
    tokens: mx.array
    values: mx.array

    @classmethod
    def of(cls, params: Rows[SamplingParams]) -> Self | None:
        entries = [(row, token, bias) for row, p in enumerate(params) for token, bias in p.logit_bias]
        if not entries:
            return None
        rows, tokens, values = zip(*entries, strict=True)
        return cls(mx.array(rows, mx.uint32), mx.array(tokens, mx.uint32), mx.array(np.array(values, np.float32)))

    def apply(self, logits: mx.array) -> mx.array:
        # A token that the model doesn't have can't be drawn anyway; out of the array's bounds it would do harm.
        known = self.tokens < logits.shape[-1]
        values = mx.where(known, self.values, 0.0)
        return logits.at[self.rows, mx.where(known, self.tokens, 0)].add(values)


def _count(tokens: Rows[int], vocabulary: int) -> np.ndarray:
    return np.bincount(np.array(tokens, np.int64), minlength=vocabulary)[:vocabulary].astype(np.float32)


def column(values: Rows[float]) -> mx.array:
    """One number a row, (rows, 1)."""
    return mx.array(np.array(values, np.float32))[:, None]
