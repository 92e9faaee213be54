"""Speculation: a row that decodes alone gets several tokens of one pass, where its next ones can be guessed.

The guesses are put behind the row's newest token, and the model's answer to each is drawn as always, by the row's own
settings and its luck at that position. As long as what is drawn is what was guessed, the next draw counts too: so
guesses change when tokens come, and not which. What the caches hold of wrong guesses is taken back.

Guesses are looked up in the text itself, or come from a draft model, whichever has more of them. Rows that decode in
company don't guess: their passes are shared already, and each would advance at another pace.
"""

from collections.abc import Callable
from collections.abc import Sequence as Rows
from dataclasses import dataclass, field, replace
from math import inf

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from workers.constraint import Constraint
from workers.constraint_mask import Mask, has
from workers.drafting import Drafter, Lookup, Trust, whole_size
from workers.engine import Sampled
from workers.mlx_engine.batch_rows import Pending, Row, push
from workers.mlx_engine.drafts import Drafts
from workers.mlx_engine.kv_groups import KVGroups
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.masks import Masks
from workers.mlx_engine.sampler import Sampler
from workers.mlx_engine.sampling_table import SamplingTable


@dataclass(slots=True)
class Guesser:
    """Guesses for one row, whose answer it follows."""

    row: Row
    drafter: Drafter
    text: list[int]
    """The prompt, and what the drafter has been told of the answer."""
    trust: Trust = field(default_factory=Trust)
    known: int = 0
    """Tokens of the answer that the drafter has."""

    @classmethod
    def of(cls, row: Row, drafter: Drafter) -> "Guesser":
        return cls(row, drafter, list(row.prompt))

    @property
    def room(self) -> int:
        """The most guesses that may come true: the last of the draws to come is the last token the row may have."""
        return self.row.sampling.max_tokens - self.row.position - 1

    def catch_up(self) -> None:
        self.push(self.row.output[self.known :])

    def push(self, tokens: Rows[int]) -> None:
        for token in tokens:
            self.drafter.push(token)
        self.text += tokens
        self.known += len(tokens)

    def guesses(self) -> list[int]:
        return self.drafter.draft(whole_size(min(self.trust.most(), self.room)))


@dataclass(frozen=True, slots=True)
class Draft:
    """Guesses that the row may get, and what may come before, between and behind them; None for anything."""

    guesses: list[int]
    allowed: list[Mask | None]
    is_models: bool = False
    """Guessed by the draft model."""


@dataclass(slots=True)
class Speculation:
    model: nn.Module
    sampler: Sampler
    drafts: Drafts | None = None
    """What a draft model guesses, where there is one."""
    room_bytes: Callable[[Row], float] = lambda _: inf
    """Of the memory, what this row leaves if it runs alone."""
    new_drafter: Callable[[Row], Drafter] = lambda row: Lookup(row.prompt)
    _guesser: Guesser | None = None

    def guess(self, row: Row, pending: Pending, kv: KVRows | KVGroups) -> tuple[list[Sampled], Draft | None]:
        """What may follow the token in `pending`, and that token if it was read to guess."""
        if row.tally is not None or not kv.can_take_back:
            return [], None
        guesser = self._of(row)
        looked_up, wanted = guesser.guesses(), self._wanted(guesser, pending)
        if not looked_up:
            guesser.trust.passed()
        # Reading costs the overlap of two steps, so there must be hope.
        if not looked_up and not wanted:
            return [], None
        sampled = pending.read()
        if row.finished or not sampled or sampled[0].error is not None:
            return sampled, None
        guesser.push([sampled[0].token])
        guesses = guesser.guesses()
        if self.drafts is not None and len(guesses) < wanted:
            return sampled, self._ask(self.drafts, guesser, wanted)
        draft = _draft(row.constraint, guesses)
        if guesses and draft is None:
            guesser.trust.checked(len(guesses), 0)
        return sampled, draft

    def check(self, row: Row, last: mx.array, draft: Draft, kv: KVRows | KVGroups) -> tuple[list[Sampled], Pending]:
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
        self._learn(row, draft, right)
        return _sampled(row, guesses[:right]), Pending([row], draw.at(right))

    def _of(self, row: Row) -> Guesser:
        if self._guesser is None or self._guesser.row is not row:
            self._guesser = Guesser.of(row, self.new_drafter(row))
        self._guesser.catch_up()
        return self._guesser

    def _wanted(self, guesser: Guesser, pending: Pending) -> int:
        """How many tokens the draft model is to guess, if it's ready."""
        drafts, row = self.drafts, guesser.row
        if drafts is None or not row.output:
            return 0
        wanted = drafts.wanted(row.salt, guesser.text, guesser.room, self.room_bytes(row), pending.draw.report)
        if wanted == 0:
            drafts.length.passed()
        return wanted

    def _ask(self, drafts: Drafts, guesser: Guesser, wanted: int) -> Draft | None:
        draft = _draft(guesser.row.constraint, drafts.guess(guesser.text, wanted))
        if draft is None or len(draft.guesses) < wanted:
            # The constraint has found one that is wrong.
            drafts.length.checked(1, 0)
        return None if draft is None else replace(draft, is_models=True)

    def _learn(self, row: Row, draft: Draft, right: int) -> None:
        guesser = self._of(row)
        if draft.is_models and self.drafts is not None:
            self.drafts.length.checked(len(draft.guesses), right)
        else:
            guesser.trust.checked(len(draft.guesses), right)
        guesser.push(draft.guesses[:right])


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
