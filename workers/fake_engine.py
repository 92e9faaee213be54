"""FakeEngine: answers with the prompt's own tokens; for tests of everything that is not MLX."""

import time
from dataclasses import dataclass

from workers.engine import NOTHING_HELD, KVCosts, Sampled, Unbounded
from workers.sequence import Sequence


@dataclass(slots=True)
class _Row:
    tokens: list[int]
    at: int
    left: int


class FakeEngine:
    """Echoes each prompt, then `eos_id` for ever. `step_s` is what a decode step takes."""

    device = "fake"
    prefill_chunk = 512
    chunk_sizes = (128, 256, 512)
    shares_passes = False
    uncut_tokens = 0
    kv: KVCosts = Unbounded()
    usage = NOTHING_HELD
    aside_s = 0.0

    def __init__(self, eos_id: int, step_s: float = 0.0) -> None:
        self._eos_id = eos_id
        self._step_s = step_s
        self._rows: dict[str, _Row] = {}

    def add(self, sequence: Sequence) -> int:
        known = len(sequence.prompt) + len(sequence.output)
        self._rows[sequence.id] = _Row(list(sequence.prompt), len(sequence.output), known)
        return 0

    def prefill(self, sequence_id: str, max_tokens: int) -> int:
        row = self._rows[sequence_id]
        row.left = max(0, row.left - max_tokens)
        return row.left

    def decode(self) -> list[Sampled]:
        time.sleep(self._step_s)
        return [Sampled(name, self._next(row)) for name, row in self._rows.items() if row.left == 0]

    def remove(self, sequence_id: str, *, keep: bool = True) -> None:  # noqa: ARG002 - it computes nothing to keep
        self._rows.pop(sequence_id, None)

    def tidy(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def _next(self, row: _Row) -> int:
        token = row.tokens[row.at] if row.at < len(row.tokens) else self._eos_id
        row.at += 1
        return token
