"""DecodeBatch: the sequences that decode together. The next step is computing before the last one's tokens are read."""

from collections.abc import Sequence as Rows
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from numpy.typing import NDArray

from workers.engine import Sampled
from workers.mlx_engine.batch_rows import Pending, Row, constraint_failure
from workers.mlx_engine.kv_groups import KVGroups
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.mask_asker import MaskAsker
from workers.mlx_engine.masks import Masks
from workers.mlx_engine.recorded_steps import RecordedSteps, plain
from workers.mlx_engine.sampler import Draw, Sampler
from workers.mlx_engine.sampling_table import SamplingTable
from workers.mlx_engine.shared_pass import Chunk, SharedPass
from workers.mlx_engine.speculation import Draft, Speculation


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A row that is to join, and its own caches, one a layer, with `length` tokens in them."""

    row: Row
    own: list[Any]
    length: int


@dataclass(slots=True)
class DecodeBatch:
    """Rows join and leave between steps; a step in flight is not disturbed, a row that left is cut out of it later."""

    model: nn.Module
    sampler: Sampler
    shared_pass: SharedPass | None = None
    """What lets chunks of prompts into a step; None where the model doesn't."""
    kv: KVRows | KVGroups = field(default_factory=KVRows)
    speculation: Speculation | None = None
    """What guesses for a row that decodes alone; None where nothing is to be guessed."""
    recorded: RecordedSteps | None = None
    """What has the operations of steps ready; None where each step is built anew."""
    _asker: MaskAsker = field(default_factory=MaskAsker)
    _rows: list[Row] = field(default_factory=list)
    """In the order of the caches' rows."""
    _pending: list[Pending] = field(default_factory=list)
    _early: list[Sampled] = field(default_factory=list)
    """Errors that came up outside a step."""
    _table: SamplingTable | None = None
    """None after the rows have changed."""

    @property
    def room(self) -> int:
        """As SharedPass says."""
        return self.shared_pass.room if self.shared_pass is not None else 0

    @property
    def kv_bytes(self) -> int:
        return self.kv.nbytes

    def join(self, newcomer: Newcomer, logits: mx.array) -> None:
        """Take in a sequence; its first token is drawn from `logits` (1, vocabulary)."""
        self._drop_finished()
        _, errors = self._take_in([newcomer], logits)
        for error in errors:
            raise RuntimeError(error.error)

    def prefill(self, chunks: Rows[Chunk], newcomers: Rows[Newcomer]) -> None:
        """A pass of chunks alone; whoever joins by it gets its first token from the next step."""
        if not chunks:
            return
        self._drop_finished()
        logits = self._forward(None, chunks)
        if logits is not None:
            self._early += self._take_in(newcomers, logits)[1]

    def step(self, chunks: Rows[Chunk] = (), newcomers: Rows[Newcomer] = ()) -> list[Sampled]:
        """Launch the next step, then read the tokens of the one before: one for each row that still runs.

        The step takes the chunks along. Those that end are the newcomers', in the same order, who join by it and get
        their first tokens at once.
        """
        pending, self._pending = self._pending, []
        early, self._early = self._early, []
        for unread in pending:
            # Only rows with a top_p on the CPU are ever in doubt; they alone give up the overlap of steps.
            self.sampler.settle(unread.draw)
        self._drop_finished()
        if not self._rows and not chunks:
            return early + _read_all(pending)
        last = self._last_tokens(pending) if self._rows else None
        if last is not None and not chunks:
            read, draft = self._guess(pending)
            early += read
            if draft is not None and self.speculation is not None:
                right, unread = self.speculation.check(self._rows[0], last, draft, self.kv)
                self._pending = [unread]
                return early + right
        logits = self._forward(last, chunks)
        if logits is None:
            return early + _read_all(pending)
        sampled = _read_all(pending) if last is None else self._step_rows(pending, last, logits)
        return early + sampled + self._first_tokens(newcomers, logits)

    def discard(self, row: Row) -> None:
        """Let a row out; it is cut out of the caches before the next step."""
        row.gone = True
        if all(other.finished for other in self._rows):
            self._drop_finished()
        self._pending = [unread for unread in self._pending if not all(row.gone for row in unread.rows)]

    def _drop_finished(self) -> None:
        if any(row.finished for row in self._rows):
            self._dissolve()
        for index in range(len(self._rows) - 1, -1, -1):
            row = self._rows[index]
            if row.finished:
                if row.on_leave is not None:
                    row.on_leave(*self.kv.extract(index))
                moved = self.kv.leave(index)
                self._rows[index] = self._rows[moved]
                del self._rows[moved]

    def _dissolve(self) -> None:
        if self._table is not None:
            self._table.dissolve()
        self._table = None

    def _forward(self, last: mx.array | None, chunks: Rows[Chunk] = ()) -> mx.array | None:
        """Logits (rows and chunks that end, vocabulary); None where there are neither."""
        if chunks:
            if self.shared_pass is None:
                raise ValueError("this model's prompts have passes of their own")
            return self.shared_pass.run(last, self.kv, chunks)
        if last is None:
            return None
        logits = plain(self.model, last, self.kv) if self.recorded is None else self.recorded.logits(last, self.kv)
        self.kv.advance()
        return logits

    def _guess(self, pending: list[Pending]) -> tuple[list[Sampled], Draft | None]:
        """What may follow the token in `pending`, where a row decodes alone; and what was read to find out."""
        if self.speculation is None or [unread.rows for unread in pending] != [self._rows] or len(self._rows) != 1:
            return [], None
        return self.speculation.guess(self._rows[0], pending[0], self.kv)

    def _step_rows(self, pending: list[Pending], last: mx.array, logits: mx.array) -> list[Sampled]:
        """Draw the rows' next tokens, and read those before."""
        logits = logits[: len(self._rows)]
        if all(row.constraint is None for row in self._rows):
            self._launch(logits, last)
            return _read_all(pending)
        # What these rows may draw depends on the tokens before, which are read while the model computes the logits.
        mx.async_eval(logits)  # type: ignore[no-untyped-call]
        sampled = _read_all(pending)
        allowed, errors = self._ask(self._rows)
        self._launch(logits, last, Masks.of(allowed))
        failed = {error.sequence_id for error in errors}
        return [one for one in sampled if one.sequence_id not in failed] + errors

    def _first_tokens(self, newcomers: Rows[Newcomer], logits: mx.array) -> list[Sampled]:
        if not newcomers:
            return []
        firsts, errors = self._take_in(newcomers, logits[-len(newcomers) :])
        if firsts is None:
            return errors
        self.sampler.settle(firsts.draw)
        return firsts.read() + errors

    def _take_in(self, newcomers: Rows[Newcomer], logits: mx.array) -> tuple[Pending | None, list[Sampled]]:
        """Let them join and draw their first tokens from `logits` (newcomers, vocabulary); who fails stays outside."""
        rows = [newcomer.row for newcomer in newcomers]
        allowed, errors = self._ask(rows)
        places = [place for place, row in enumerate(rows) if not row.finished]
        if not places:
            return None, errors
        self._dissolve()
        for place in places:
            self._rows.insert(self.kv.join(newcomers[place].own, newcomers[place].length), rows[place])
        rows, allowed = [rows[place] for place in places], [allowed[place] for place in places]
        table = SamplingTable.of([row.sampling for row in rows], [row.tally for row in rows])
        if len(places) < len(newcomers):
            logits = logits[mx.array(places)]
        pending = Pending(rows, self._draw(logits, rows, table, masks=Masks.of(allowed)))
        self._pending.append(pending)
        return pending, errors

    def _ask(self, rows: list[Row]) -> tuple[list[NDArray[np.int32] | None], list[Sampled]]:
        """What each row may draw, and the error of each constraint that failed: its row is out."""
        answers = self._asker.ask([None if row.gone else row.constraint for row in rows])
        allowed: list[NDArray[np.int32] | None] = []
        errors = []
        for row, answer in zip(rows, answers, strict=True):
            if isinstance(answer, Exception):
                row.gone = True
                errors.append(Sampled(row.sequence_id, 0, constraint_failure(row, answer)))
            allowed.append(None if isinstance(answer, Exception) else answer)
        return allowed, errors

    def _launch(self, logits: mx.array, last: mx.array, masks: Masks | None = None) -> None:
        if self._table is None:
            rows = self._rows
            self._table = SamplingTable.of([row.sampling for row in rows], [row.tally for row in rows])
        self._pending = [Pending(list(self._rows), self._draw(logits, self._rows, self._table, last, masks))]

    def _last_tokens(self, pending: list[Pending]) -> mx.array:
        """The token that each row goes on from (rows,), on the device."""
        tokens = [unread.draw.tokens for unread in pending]
        drawn = tokens[0] if len(tokens) == 1 else mx.concatenate(tokens)
        order = [row for unread in pending for row in unread.rows]
        if order == self._rows:
            return drawn
        place = {id(row): index for index, row in enumerate(order)}
        return drawn[mx.array([place[id(row)] for row in self._rows])]

    def _draw(
        self,
        logits: mx.array,
        rows: list[Row],
        table: SamplingTable,
        last: mx.array | None = None,
        masks: Masks | None = None,
    ) -> Draw:
        positions = np.array([row.position for row in rows], np.uint64)
        for row in rows:
            row.position += 1
        draw = self.sampler.draw(logits, table, positions, last, masks)
        mx.async_eval(*draw.outputs)  # type: ignore[no-untyped-call]
        return draw


def _read_all(pending: list[Pending]) -> list[Sampled]:
    return [sampled for unread in pending for sampled in unread.read()]
