"""Warm-up: run the shapes that serving uses before anybody waits for them; GPUs compile kernels at their first use."""

import logging
import time
from collections.abc import Iterator
from typing import Any, Self

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from queue_config.request import SamplingParams
from workers.drafting import FIRST, SIZES
from workers.engine import Need
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.free_memory import give_back
from workers.sequence import Sequence

KINDS: tuple[dict[str, Any], ...] = (
    {"temperature": 0.0},
    {"temperature": 1.0},
    {"temperature": 1.0, "top_p": 0.9},
    {"temperature": 0.8, "top_k": 40},
    {"temperature": 1.0, "repetition_penalty": 1.1, "presence_penalty": 0.1, "logit_bias": ((0, 0.1),), "min_p": 0.01},
    {"temperature": 1.0, "top_p": 0.9},
)
"""One for each way in which the sampler draws a row; the last one's rows are constrained too."""
STEPS = 4
"""Of each batch: a step is launched before the one before it is read, and buffers that have just grown are no rule."""

CACHED = 256
"""Tokens that prompts find in the prompt cache: enough to be worth finding on every device."""
BESIDE = 4
"""So many do at once."""
LONGEST = 1 << 15
"""Tokens of the longest prompt that is made ready for; what a longer one needs is made while it is processed."""

log = logging.getLogger(__name__)


def warm_up(engine: MlxEngine, max_batch: int, context: int = LONGEST) -> None:
    """Run the shapes on a GPU; the engine must be empty, and is afterwards. `context` is what prompts may come to.

    On a CPU nothing is compiled, and a token has been run when the model was loaded.
    """
    if mx.default_device() == mx.cpu:
        return
    began_at = time.monotonic()
    for stage in shapes(engine, max_batch, min(context, LONGEST)):
        log.info("warming up: %s, after %.1f s", stage, time.monotonic() - began_at)
    # What the largest of all shapes took isn't kept from others on the device until requests need it.
    give_back()


def shapes(engine: MlxEngine, max_batch: int, longest: int) -> Iterator[str]:
    """Do one stage after the other: attention of prompts up to `longest`, each chunk size, each kind of row alone, one
    whose answer is guessed, prompts that begin as a cached one does, and batches of all kinds and of unlike lengths at
    each size that the batch's buffers double through. Yields what is done."""
    yield from engine.prepare(longest, max_batch)
    for size in engine.chunk_sizes:
        # One token more, since only a chunk that isn't a prompt's last is run in one piece.
        _prefill(engine, _row(0, size + 1), size)
        engine.remove(_name(0), keep=False)
        yield f"a chunk of {size} tokens"
    for kind in range(len(KINDS)):
        _prefill(engine, _row(kind))
        _decode(engine)
        engine.remove(_name(kind), keep=False)
    yield "each kind of sampling"
    _repeat(engine)
    yield "an answer that can be guessed"
    _go_on(engine)
    yield "prompts that go on from a cached one"
    rows = 0
    for size in [size for size in batch_sizes(max_batch) if _fits(engine, size)]:
        for index in range(rows, size):
            _prefill(engine, _row(index))
        rows = size
        _decode(engine)
        yield f"a batch of {size}"
    for index in range(rows):
        engine.remove(_name(index), keep=False)
        engine.decode()
    yield "leaving the batch"


def batch_sizes(max_batch: int) -> list[int]:
    """The powers of two up to `max_batch`, and itself."""
    return sorted({*(1 << power for power in range(max_batch.bit_length())), max_batch})


def _row(index: int, tokens: int = 0) -> Sequence:
    tokens = tokens or 8 + 5 * (index % 7)
    sampling = SamplingParams(max_tokens=100 * STEPS, **KINDS[index % len(KINDS)])
    constraint = _FirstWord() if index % len(KINDS) == len(KINDS) - 1 else None
    return Sequence(_name(index), (0,) * tokens, sampling, salt="warm-up", constraint=constraint)


class _FirstWord:
    """Allows the first 32 tokens, always."""

    def restart(self, output: list[int]) -> None:
        pass

    def allowed(self) -> NDArray[np.int32]:
        return np.full(1, -1, np.int32)

    def push(self, token: int) -> None:
        pass

    def fork(self) -> Self | None:
        return None


class _Zeros(_FirstWord):
    """Allows token 0 alone: an answer to zeros that is guessed right, whatever the model."""

    def allowed(self) -> NDArray[np.int32]:
        return np.ones(1, np.int32)

    def fork(self) -> Self:
        return self


def _name(index: int) -> str:
    return f"warm-up {index}"


def _prefill(engine: MlxEngine, sequence: Sequence, first: int = 0) -> None:
    engine.add(sequence)
    left = engine.prefill(sequence.id, first or engine.prefill_chunk)
    while left:
        left = engine.prefill(sequence.id, left)


def _decode(engine: MlxEngine) -> None:
    for _ in range(STEPS):
        engine.decode()


def _repeat(engine: MlxEngine) -> None:
    """Have drafts of every size checked, if the engine guesses at all."""
    # Two tokens come before the first draft, and one behind the last. Drafts grow while they are right, until the
    # room that is left fits the smallest alone.
    max_tokens = 2 + sum(size + 1 for size in SIZES[FIRST:]) + SIZES[0] + 1
    sampling = SamplingParams(max_tokens=max_tokens)
    _prefill(engine, Sequence(_name(0), (0,) * 8, sampling, salt="warm-up", constraint=_Zeros()))
    for _ in range(max_tokens):
        engine.decode()
    engine.remove(_name(0), keep=False)


def _go_on(engine: MlxEngine) -> None:
    """Answer several prompts at once that begin as one before them did, while another answer is under way."""
    before, beside = _row(0, CACHED), _row(1)
    _prefill(engine, before)
    _decode(engine)
    engine.remove(before.id)
    _prefill(engine, beside)
    _decode(engine)
    behind = [_row(index, CACHED + 5 * index) for index in range(2, 2 + BESIDE)]
    for one in behind:
        _prefill(engine, one)
    _decode(engine)
    for one in (beside, *behind, before):
        engine.remove(one.id, keep=False)
        engine.decode()


def _fits(engine: MlxEngine, rows: int) -> bool:
    needs = [Need(len(row.prompt) + row.sampling.max_tokens, 0) for row in map(_row, range(rows))]
    return not engine.kv.budget_bytes or engine.kv.bytes_for(needs) <= engine.kv.budget_bytes
