"""Speculation: a row that decodes alone gets several tokens of one pass, where its next ones can be guessed.

The guesses are put behind the row's newest token, and the model's answer to each is drawn as always, by the row's own
settings and its luck at that position. As long as what is drawn is what was guessed, the next draw counts too: so
guesses change when tokens come, and not which. What the caches hold of wrong guesses is taken back.

Rows that decode in company don't guess: their passes are shared already, and each would advance at another pace.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from workers.constraint import Constraint
from workers.constraint_mask import Mask, has
from workers.drafting import Drafter, Lookup, Trust, whole_size
from workers.engine import Sampled
from workers.mlx_engine.batch_rows import Pending, Row, push
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.masks import Masks
from workers.mlx_engine.sampler import Sampler
from workers.mlx_engine.sampling_table import SamplingTable


@dataclass(slots=True)
class Guesser:
    """Guesses for one row, whose answer it follows."""

    row: Row
    drafter: Drafter
    trust: Trust = field(default_factory=Trust)
    known: int = 0
    """Tokens of the answer that the drafter has."""

    def catch_up(self) -> None:
        for token in self.row.output[self.known :]:
            self.drafter.push(token)
        self.known = len(self.row.output)

    def guesses(self) -> list[int]:
        # The last of the draws to come is the last token that the row may have.
        room = self.row.sampling.max_tokens - self.row.position - 1
        return self.drafter.draft(whole_size(min(self.trust.most(), room)))


@dataclass(frozen=True, slots=True)
class Draft:
    """Guesses that the row may get, and what may come before, between and behind them; None for anything."""

    guesses: list[int]
    allowed: list[Mask | None]


@dataclass(slots=True)
class Speculation:
    model: nn.Module
    sampler: Sampler
    new_drafter: Callable[[Row], Drafter] = lambda row: Lookup(row.prompt)
    _guesser: Guesser | None = None

    def guess(self, row: Row, pending: Pending, kv: KVRows) -> tuple[list[Sampled], Draft | None]:
        """What may follow the token in `pending`, and that token if it was read to guess."""
        if row.tally is not None or not kv.can_take_back:
            return [], None
        guesser = self._of(row)
        # Reading costs the overlap of two steps, so there must be hope.
        if not guesser.guesses():
            guesser.trust.passed()
            return [], None
        sampled = pending.read()
        if row.finished or not sampled or sampled[0].error is not None:
            return sampled, None
        guesser.drafter.push(sampled[0].token)
        guesser.known += 1
        return sampled, _draft(row.constraint, guesser.guesses())

    def check(self, row: Row, last: mx.array, draft: Draft, kv: KVRows) -> tuple[list[Sampled], Pending]:
        """Run the model over `last` (1,) and the guesses: those that are right, and the draw behind them."""
        guesses = draft.guesses
        draws = len(guesses) + 1
        tokens = mx.concatenate([last.astype(mx.uint32), mx.array(guesses, mx.uint32)])
        logits = self.model(tokens[None], cache=kv.caches)[0]
        kv.advance(draws)
        table = SamplingTable.of([row.sampling] * draws)
        positions = row.position + np.arange(draws, dtype=np.uint64)
        draw = self.sampler.draw(logits, table, positions, None, Masks.of(draft.allowed))
        self.sampler.settle(draw)
        drawn = np.array(draw.report).tolist()
        right = next((at for at, guess in enumerate(guesses) if drawn[at] != guess), len(guesses))
        kv.take_back(len(guesses) - right)
        row.position += right + 1
        self._learn(row, guesses, right)
        return _sampled(row, guesses[:right]), Pending([row], draw.at(right))

    def _of(self, row: Row) -> Guesser:
        if self._guesser is None or self._guesser.row is not row:
            self._guesser = Guesser(row, self.new_drafter(row))
        self._guesser.catch_up()
        return self._guesser

    def _learn(self, row: Row, guesses: list[int], right: int) -> None:
        guesser = self._of(row)
        guesser.trust.checked(len(guesses), right)
        for token in guesses[:right]:
            guesser.drafter.push(token)
        guesser.known += right


def _sampled(row: Row, tokens: list[int]) -> list[Sampled]:
    sampled = []
    for token in tokens:
        error = push(row, token)
        sampled.append(Sampled(row.sequence_id, 0 if error else token, error))
        if error:
            row.gone = True
            break
    return sampled


def _draft(constraint: Constraint | None, guesses: list[int]) -> Draft | None:
    """As many guesses as the constraint allows, of a size that drafts have."""
    if constraint is None:
        return Draft(guesses, [None] * (len(guesses) + 1)) if guesses else None
    follower = constraint.fork()
    if follower is None:
        return None
    allowed: list[Mask | None] = []
    try:
        for guess in guesses:
            mask = follower.allowed()
            if mask is not None and not has(mask, guess):
                break
            allowed.append(mask)
            follower.push(guess)
        allowed.append(follower.allowed())
    except Exception:  # noqa: BLE001 - the row's own constraint will fail just so, where rows are ejected for it
        return None
    size = whole_size(len(allowed) - 1)
    return Draft(guesses[:size], allowed[: size + 1]) if size else None
