"""Drive an engine as the loop does: sequences that join at chosen steps, and leave when full or at chosen steps."""

from collections.abc import Iterable, Mapping
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.models.cache import make_prompt_cache

from queue_config.request import SamplingParams
from workers.engine import Engine
from workers.sequence import Sequence


def sequence(name: str, prompt: Iterable[int], output: Iterable[int] = (), **sampling: Any) -> Sequence:
    sampling = {"max_tokens": 12, "temperature": 0.0} | sampling
    return Sequence(name, tuple(prompt), SamplingParams(**sampling), list(output))


def words(seed: int, count: int, vocabulary: int = 500) -> tuple[int, ...]:
    """A prompt of random tokens, none of them the poison."""
    return tuple(np.random.default_rng(seed).integers(10, vocabulary, count).tolist())


def run(
    engine: Engine,
    sequences: Iterable[Sequence],
    *,
    joins: Mapping[str, int] | None = None,
    leaves: Mapping[str, int] | None = None,
    chunk: int = 64,
) -> dict[str, list[int]]:
    """The tokens each sequence got, without the ones it came with; None for an error, which ends it.

    `joins` and `leaves` are step numbers; who isn't named joins at 0 and leaves when full.
    """
    joins, leaves = joins or {}, leaves or {}
    coming = {one.id: one for one in sequences}
    running: dict[str, Sequence] = {}
    got: dict[str, list[int]] = {name: [] for name in coming}
    step = 0
    while coming or running:
        for name in [name for name in coming if joins.get(name, 0) <= step]:
            running[name] = coming.pop(name)
            engine.add(running[name])
            while engine.prefill(name, chunk):
                pass
        for sampled in engine.decode():
            got[sampled.sequence_id].append(sampled.token if sampled.error is None else -1)
            running[sampled.sequence_id].output.append(sampled.token)
        step += 1
        for name, one in list(running.items()):
            if (
                len(one.output) >= one.sampling.max_tokens
                or got[name][-1:] == [-1]
                or leaves.get(name, step + 1) <= step
            ):
                engine.remove(name)
                del running[name]
    return got


def alone(engine: Engine, sequences: Iterable[Sequence]) -> dict[str, list[int]]:
    """What each of the sequences gets with nobody beside it."""
    got: dict[str, list[int]] = {}
    for one in sequences:
        got |= run(engine, [Sequence(one.id, one.prompt, one.sampling, list(one.output))])
    return got


def assert_as_alone(
    got: Mapping[str, list[int]],
    expected: Mapping[str, list[int]],
    joins: Mapping[str, int],
    leaves: Mapping[str, int],
) -> None:
    """Who leaves has got a token at each step it was in for, but perhaps the second; the others got everything."""
    assert got == {name: tokens[: len(got[name])] for name, tokens in expected.items()}
    steps_in = {name: leaves[name] - joins[name] for name in leaves}
    assert all(
        len(got[name]) in {steps, steps - 1, len(tokens)}
        for name, tokens in expected.items()
        for steps in [steps_in.get(name, len(tokens) + 1)]
    )


def plain_greedy(model: nn.Module, prompt: Iterable[int], count: int) -> list[int]:
    """What mlx-lm's model says without any engine: one sequence, one token at a time."""
    cache = make_prompt_cache(model)
    logits = model(mx.array([list(prompt)]), cache=cache)
    tokens: list[int] = []
    while len(tokens) < count:
        tokens.append(int(np.array(mx.argmax(logits[0, -1]))))
        logits = model(mx.array([tokens[-1:]]), cache=cache)
    return tokens
