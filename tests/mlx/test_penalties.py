"""Penalties and biases change the logits as they are defined, in any batch, and count what is drawn on the way."""

from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlx_lm.models.cache import make_prompt_cache
from numpy.typing import NDArray

from queue_config.request import SamplingParams
from tests.mlx.driving import run, sequence, words
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.penalties import Biases, Penalties, Tally
from workers.mlx_engine.sampling_table import SamplingTable
from workers.sequence import Sequence

VOCABULARY = 64

ALL: tuple[dict[str, Any], ...] = (
    {"repetition_penalty": 1.5},
    {"repetition_penalty": 0.8},
    {"presence_penalty": 0.9},
    {"presence_penalty": -0.4},
    {"frequency_penalty": 0.7},
    {"frequency_penalty": -0.2},
    {"repetition_penalty": 1.2, "presence_penalty": 0.5, "frequency_penalty": 0.3, "logit_bias": ((3, 2.5), (8, -9.0))},
    {"logit_bias": ((5, 4.0), (5, -1.0), (9, -100.0))},
    {},
)


def _plain(
    logits: NDArray[np.float32], params: SamplingParams, prompt: list[int], output: list[int]
) -> NDArray[np.float32]:
    """By the book, token by token."""
    logits = logits.copy()
    for token in {*prompt, *output}:
        penalty = params.repetition_penalty
        logits[token] = logits[token] / penalty if logits[token] > 0 else logits[token] * penalty
    for token in set(output):
        logits[token] -= params.presence_penalty + output.count(token) * params.frequency_penalty
    for token, bias in params.logit_bias:
        logits[token] += bias
    return logits


TOKENS = st.lists(st.integers(0, VOCABULARY - 1), max_size=20)


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(st.sampled_from(ALL), TOKENS, TOKENS, st.integers(0, VOCABULARY - 1)), min_size=1),
    seed=st.integers(0, 1000),
)
def test_logits_are_changed_as_the_definitions_say(
    rows: list[tuple[dict[str, Any], list[int], list[int], int]], seed: int
) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (len(rows), VOCABULARY)).astype(np.float32)
    params = [SamplingParams(max_tokens=1, **values) for values, _, _, _ in rows]
    tallies = [Tally.of(p, row[1], row[2], VOCABULARY) for p, row in zip(params, rows, strict=True)]
    last = mx.array([row[3] for row in rows], mx.int32)
    expected = [_plain(logits[i], params[i], row[1], [*row[2], row[3]]) for i, row in enumerate(rows)]

    got = SamplingTable.of(params, tallies).changed(mx.array(logits), last)

    np.testing.assert_allclose(np.array(got), np.array(expected), rtol=1e-5, atol=1e-5)


def test_rows_that_ask_for_nothing_have_no_table_of_counts() -> None:
    params = SamplingParams(max_tokens=1, temperature=0.7, top_p=0.9, min_p=0.1)

    assert Tally.of(params, [1], [2], VOCABULARY) is None
    assert (Penalties.of([params], [None]), Biases.of([params])) == (None, None)


def test_a_bias_on_a_token_that_the_model_lacks_changes_nothing() -> None:
    logits = np.ones((2, VOCABULARY), np.float32)
    params = [SamplingParams(max_tokens=1, logit_bias=((VOCABULARY + 5, 100.0),)), SamplingParams(max_tokens=1)]

    got = SamplingTable.of(params).changed(mx.array(logits), None)

    assert np.array_equal(np.array(got), logits)


def _greedy(engine: MlxEngine, one: Sequence) -> list[int]:
    """The bare model, one sequence, with penalties by the book."""
    model = engine._loaded.model
    cache = make_prompt_cache(model)
    logits = model(mx.array([list(one.prompt)]), cache=cache)
    output: list[int] = []
    while len(output) < one.sampling.max_tokens:
        row = np.array(logits[0, -1].astype(mx.float32))
        output.append(int(_plain(row, one.sampling, list(one.prompt), output).argmax()))
        logits = model(mx.array([output[-1:]]), cache=cache)
    return output


def _rows(**more: Any) -> list[Sequence]:
    return [sequence(f"s{i}", words(i, 5 + 7 * i), max_tokens=30, **values, **more) for i, values in enumerate(ALL)]


def test_greedy_answers_under_penalties_are_those_of_the_bare_model(tiny: MlxEngine) -> None:
    expected = {one.id: _greedy(tiny, one) for one in _rows()}

    got = run(tiny, _rows())

    assert got == expected


@pytest.mark.parametrize("temperature", [0.0, 1.2])
def test_whoever_joins_and_leaves_the_counts_stay_with_their_rows(tiny: MlxEngine, temperature: float) -> None:
    expected: dict[str, list[int]] = {}
    for one in _rows(temperature=temperature, seed=3):
        expected |= run(tiny, [one])

    got = run(tiny, _rows(temperature=temperature, seed=3), joins={"s1": 4, "s4": 9, "s6": 2}, leaves={"s0": 5})

    assert got == expected | {"s0": expected["s0"][:5]}


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, {"temperature": 1.0}, {"temperature": 1.0, "top_p": 0.9}])
def test_a_resumed_answer_counts_what_it_had_drawn_before(tiny: MlxEngine, settings: dict[str, Any]) -> None:
    whole = run(tiny, _rows(**settings, seed=4))
    resumed = _rows(**settings, seed=4)
    for i, one in enumerate(resumed):
        one.output = whole[one.id][: 2 + 3 * i]

    got = run(tiny, resumed)

    assert got == {one.id: whole[one.id][2 + 3 * i :] for i, one in enumerate(resumed)}
