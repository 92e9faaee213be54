"""DecodeBatch: the sequences that decode together. The next step is computing before the last one's tokens are read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from queue_config.request import SamplingParams
from workers.engine import Sampled
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.sampler import NOT_FINITE, Draw, Sampler
from workers.mlx_engine.sampling_table import SamplingTable


@dataclass(slots=True, eq=False)
class Row:
    """`position` is the index, in the sequence's output, of the next token to be drawn."""

    sequence_id: str
    sampling: SamplingParams
    position: int
    gone: bool = False
    on_leave: Callable[[list[Any], int], None] | None = None
    """Gets the row's own caches, one a layer, and how many tokens are in them, just before they are cut out of the
    batch: slices of its buffers, so what is to be kept must be copied, and computed, before it returns."""

    @property
    def finished(self) -> bool:
        """No further step is of use: it has been dropped, or all the tokens it may have are drawn."""
        return self.gone or self.position >= self.sampling.max_tokens


@dataclass(slots=True)
class Pending:
    """Tokens drawn and not yet read, one a row."""

    rows: list[Row]
    draw: Draw


@dataclass(slots=True)
class DecodeBatch:
    """Rows join and leave between steps; a step in flight is not disturbed, a row that left is cut out of it later."""

    model: nn.Module
    sampler: Sampler
    _kv: KVRows = field(default_factory=KVRows)
    _rows: list[Row] = field(default_factory=list)
    """In the order of the caches' rows."""
    _pending: list[Pending] = field(default_factory=list)
    _table: SamplingTable | None = None
    """None after the rows have changed."""

    @property
    def capacity(self) -> int:
        """Rows that the KV buffers have room for."""
        return self._kv.capacity

    @property
    def kv_bytes(self) -> int:
        return self._kv.nbytes

    def join(self, row: Row, own: list[Any], length: int, logits: mx.array) -> None:
        """Take in a sequence with its own caches of `length` tokens; its first token is drawn from `logits`."""
        self._drop_finished()
        self._kv.join(own, length)
        self._rows.append(row)
        self._table = None
        draw = self._draw(logits, [row], SamplingTable.of([row.sampling]))
        self._pending.append(Pending([row], draw))

    def step(self) -> list[Sampled]:
        """Launch the next step, then read the tokens of the one before: one for each row that still runs."""
        pending, self._pending = self._pending, []
        for unread in pending:
            # Only rows with a top_p on the CPU are ever in doubt; they alone give up the overlap of steps.
            self.sampler.settle(unread.draw)
        self._drop_finished()
        if self._rows:
            self._launch(pending)
        return [sampled for unread in pending for sampled in _read(unread)]

    def discard(self, row: Row) -> None:
        """Let a row out; it is cut out of the caches before the next step."""
        row.gone = True
        if all(other.finished for other in self._rows):
            self._drop_finished()
        self._pending = [unread for unread in self._pending if not all(row.gone for row in unread.rows)]

    def _drop_finished(self) -> None:
        for index in range(len(self._rows) - 1, -1, -1):
            row = self._rows[index]
            if row.finished:
                if row.on_leave is not None:
                    row.on_leave(*self._kv.extract(index))
                self._kv.leave(index)
                self._rows[index] = self._rows[-1]
                self._rows.pop()
                self._table = None

    def _launch(self, pending: list[Pending]) -> None:
        if self._table is None:
            self._table = SamplingTable.of([row.sampling for row in self._rows])
        logits = self.model(self._last_tokens(pending)[:, None], cache=self._kv.caches)[:, -1]
        self._kv.advance()
        self._pending = [Pending(list(self._rows), self._draw(logits, self._rows, self._table))]

    def _last_tokens(self, pending: list[Pending]) -> mx.array:
        """The token that each row goes on from (rows,), on the device."""
        tokens = [unread.draw.tokens for unread in pending]
        drawn = tokens[0] if len(tokens) == 1 else mx.concatenate(tokens)
        order = [row for unread in pending for row in unread.rows]
        if order == self._rows:
            return drawn
        place = {id(row): index for index, row in enumerate(order)}
        return drawn[mx.array([place[id(row)] for row in self._rows])]

    def _draw(self, logits: mx.array, rows: list[Row], table: SamplingTable) -> Draw:
        positions = np.array([row.position for row in rows], np.uint64)
        for row in rows:
            row.position += 1
        draw = self.sampler.draw(logits, table, positions)
        mx.async_eval(*draw.outputs)  # type: ignore[no-untyped-call]
        return draw


def _read(pending: Pending) -> list[Sampled]:
    sampled = []
    for row, token in zip(pending.rows, np.array(pending.draw.report).tolist(), strict=True):
        if row.gone:
            continue
        if token == NOT_FINITE:
            row.gone = True
            sampled.append(Sampled(row.sequence_id, 0, "the model computed a NaN or an infinity"))
        else:
            sampled.append(Sampled(row.sequence_id, token))
    return sampled
