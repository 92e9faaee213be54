"""The two targets without HTTP: a bare loop as one would write it by hand, and our engine, over the same weights."""

import time
from collections.abc import Sequence as Rows

import numpy as np

from models.families import Family
from models.tokenizer import Tokenizer
from queue_config.request import SamplingParams
from tests.perf.bench.asks import Ask
from tests.perf.bench.report import BARE, ENGINE
from tests.perf.bench.streams import Unfinished
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.sampler import Draw, Sampler
from workers.mlx_engine.sampling_table import SamplingTable
from workers.sequence import Sequence

# After the engine, which has loaded the BLAS that MLX binds to.
import mlx.core as mx  # isort: skip
from mlx_lm.models.cache import BatchKVCache  # isort: skip

PREFILL_TOKENS = 2048
"""Of all rows together at once, so that a long prompt times many rows doesn't run the memory out."""


class BareLoop:
    """Rows of one length on mlx-lm's batch cache, the next step launched before the last one's tokens are read."""

    def __init__(self, engine: MlxEngine, prompts: Rows[Rows[int]], params: Rows[SamplingParams]) -> None:
        self._model = engine._loaded.model
        self._sampler = Sampler(engine.info.device.candidates)
        self._table = SamplingTable.of(params)
        self._positions = np.zeros(len(params), np.uint64)
        self._cache = [BatchKVCache([0] * len(params)) for _ in self._model.layers]
        shortest = min(map(len, prompts))
        tokens = mx.array([list(prompt[-shortest:]) for prompt in prompts])
        piece = max(1, PREFILL_TOKENS // len(params))
        for start in range(0, shortest, piece):
            logits = self._model(tokens[:, start : start + piece], cache=self._cache)[:, -1]
            mx.eval(logits)
        self._draw = self._drawn(logits)

    def step(self) -> None:
        draw = self._drawn(self._model(self._draw.tokens[:, None], cache=self._cache)[:, -1])
        self._draw.report.tolist()
        self._draw = draw

    def _drawn(self, logits: mx.array) -> Draw:
        draw = self._sampler.draw(logits, self._table, self._positions)
        mx.async_eval(draw.report)  # type: ignore[no-untyped-call]
        self._positions += 1
        return draw


class BareTarget:
    name = BARE

    def __init__(self, engine: MlxEngine, family: Family, tokenizer: Tokenizer) -> None:
        self._engine, self._family, self._tokenizer = engine, family, tokenizer

    def rate(self, asks: list[Ask], limit_s: float) -> float:
        prompts = [ask.tokens(self._family, self._tokenizer) for ask in asks]
        steps = asks[0].params.max_tokens
        started = time.monotonic()
        loop = BareLoop(self._engine, prompts, [ask.params for ask in asks])
        for _ in range(steps):
            loop.step()
            _within(limit_s, started)
        took_s = time.monotonic() - started
        mx.synchronize()
        return len(asks) * steps / took_s


class EngineTarget:
    name = ENGINE

    def __init__(self, engine: MlxEngine, family: Family, tokenizer: Tokenizer) -> None:
        self._engine, self._family, self._tokenizer = engine, family, tokenizer

    def rate(self, asks: list[Ask], limit_s: float) -> float:
        sequences = [self._sequence(ask) for ask in asks]
        started = time.monotonic()
        tokens = 0
        try:
            for sequence in sequences:
                self._join(sequence)
                _within(limit_s, started)
            for _ in range(asks[0].params.max_tokens):
                tokens += len(self._engine.decode())
                _within(limit_s, started)
            return tokens / (time.monotonic() - started)
        finally:
            self._drop(sequences)

    def first_s(self, ask: Ask, limit_s: float) -> float:
        sequence = self._sequence(ask)
        started = time.monotonic()
        try:
            self._join(sequence)
            self._engine.decode()
            _within(limit_s, started)
            return time.monotonic() - started
        finally:
            self._drop([sequence])

    def _sequence(self, ask: Ask) -> Sequence:
        return Sequence(ask.prompt, ask.tokens(self._family, self._tokenizer), ask.params)

    def _join(self, sequence: Sequence) -> None:
        self._engine.add(sequence)
        while self._engine.prefill(sequence.id, self._engine.prefill_chunk):
            pass

    def _drop(self, sequences: list[Sequence]) -> None:
        for sequence in sequences:
            self._engine.remove(sequence.id)
        # The rows leave, and what they computed is kept, at the next step.
        self._engine.decode()


def _within(limit_s: float, started: float) -> None:
    if time.monotonic() - started > limit_s:
        raise Unfinished(f"not finished in {limit_s:.0f} s")
