"""The sampler draws from exactly the tokens that a row's settings leave, as often as their probabilities say."""

from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from queue_config.request import SamplingParams
from workers.mlx_engine.sampler import NOT_FINITE, Sampler
from workers.mlx_engine.sampling_table import SamplingTable

VOCABULARY = 300
ROWS = 6000
LOGITS = np.random.default_rng(4).normal(0, 2, VOCABULARY).astype(np.float32)


def _params(**values: Any) -> SamplingParams:
    return SamplingParams(**({"max_tokens": 1} | values))


def _draw(logits: np.ndarray, params: list[SamplingParams], candidates: int = 0) -> list[int]:
    """One draw a row of `logits` (rows, vocabulary), each at its own position."""
    table = SamplingTable.of(params)
    sampler = Sampler(candidates)
    draw = sampler.draw(mx.array(logits), table, np.arange(len(params), dtype=np.uint64))
    sampler.settle(draw)
    return [int(token) for token in np.array(draw.report)]


def _many(params: SamplingParams, candidates: int = 0) -> np.ndarray:
    """How often each token came in ROWS draws from LOGITS."""
    tokens = _draw(np.tile(LOGITS, (ROWS, 1)), [params] * ROWS, candidates)
    return np.bincount(tokens, minlength=VOCABULARY)


def _expected(params: SamplingParams) -> np.ndarray:
    """The probabilities, by the book."""
    probabilities = np.exp((LOGITS - LOGITS.max()).astype(np.float64) / params.temperature)
    probabilities[probabilities < params.min_p] = 0
    order = np.argsort(-LOGITS, kind="stable")
    if params.top_k:
        probabilities[order[params.top_k :]] = 0
    probabilities /= probabilities.sum()
    above = np.cumsum(probabilities[order]) - probabilities[order]
    probabilities[order[above >= params.top_p]] = 0
    chances: np.ndarray = probabilities / probabilities.sum()
    return chances


SETTINGS = [
    _params(temperature=1.0),
    _params(temperature=0.3),
    _params(temperature=2.0),
    _params(temperature=1.0, min_p=0.05),
    _params(temperature=1.0, top_k=1),
    _params(temperature=1.0, top_k=7),
    _params(temperature=1.5, top_k=1000),
    _params(temperature=1.0, top_p=0.9),
    _params(temperature=1.0, top_p=0.01),
    _params(temperature=1.5, top_p=0.5, min_p=0.01),
    _params(temperature=1.0, top_k=20, top_p=0.7),
]


@pytest.mark.parametrize("candidates", [0, 16])
@pytest.mark.parametrize("params", SETTINGS)
def test_tokens_come_as_often_as_their_probabilities_say_and_no_others(params: SamplingParams, candidates: int) -> None:
    expected = _expected(params) * ROWS

    counts = _many(params, candidates)

    possible = expected > 0
    often = expected >= 5
    assert counts[~possible].sum() == 0
    # The rare ones together are one bin more.
    bins = np.append(often, expected[~often].sum() >= 5)
    seen = np.append(counts, counts[~often].sum())[bins]
    hoped = np.append(expected, expected[~often].sum())[bins]
    surprise = ((seen - hoped) ** 2 / hoped).sum()
    freedom = max(1, len(seen) - 1)
    assert surprise < freedom + 4 * np.sqrt(2 * freedom)


def test_every_token_that_a_filter_leaves_can_come() -> None:
    params = _params(temperature=3.0, top_k=9)

    counts = _many(params)

    assert set(np.flatnonzero(counts)) == set(np.argsort(-LOGITS)[:9])


def test_a_bounded_sort_draws_the_same_tokens_as_a_whole_one() -> None:
    random = np.random.default_rng(5)
    logits = random.normal(0, 3, (200, 5000)).astype(np.float32)
    params = [
        _params(
            temperature=float(random.choice([0.0, 0.5, 1.0, 2.0])),
            top_k=int(random.choice([0, 0, 5, 200, 4999])),
            top_p=float(random.choice([1.0, 0.3, 0.9, 0.99])),
            seed=i,
        )
        for i in range(200)
    ]

    bounded, whole = (_draw(logits, params, candidates=candidates) for candidates in (64, 0))

    assert bounded == whole


def test_a_row_draws_the_same_whatever_its_neighbours_want() -> None:
    row = LOGITS[None]
    mine = _params(temperature=1.0, seed=77)
    others = [_params(temperature=0.0), _params(temperature=1.0, top_p=0.5), _params(temperature=1.0, top_k=3)]

    tokens = {
        _draw(np.tile(row, (len(batch), 1)), batch)[0] for batch in ([mine], [mine, *others], [mine, mine, others[1]])
    }

    assert len(tokens) == 1


def test_greedy_rows_take_the_largest_beside_any_others() -> None:
    logits = np.random.default_rng(6).normal(size=(4, VOCABULARY)).astype(np.float32)
    cold = _params(temperature=0.0)
    params = [cold, _params(temperature=1.0), cold, _params(temperature=1.0, top_p=0.5)]

    tokens = _draw(logits, params)

    assert [tokens[0], tokens[2]] == [logits[0].argmax(), logits[2].argmax()]


def test_a_temperature_near_zero_is_greedy_and_not_a_division_by_zero() -> None:
    tokens = _draw(np.tile(LOGITS, (2, 1)), [_params(temperature=1e-9), _params(temperature=1e-4)])

    assert tokens == [LOGITS.argmax()] * 2


def test_top_k_takes_no_more_than_k_of_equal_tokens() -> None:
    flat = np.zeros((ROWS, 40), np.float32)

    tokens = _draw(flat, [_params(temperature=1.0, top_k=3)] * ROWS)

    assert len(set(tokens)) == 3


@pytest.mark.parametrize("vocabulary", [1, 255, 256, 257, 1000])
def test_any_size_of_vocabulary_is_drawn_from_to_its_end(vocabulary: int) -> None:
    flat = np.zeros((ROWS, vocabulary), np.float32)

    tokens = _draw(flat, [_params(temperature=1.0)] * ROWS)

    assert set(tokens) <= set(range(vocabulary))
    assert len(set(tokens)) > 0.9 * vocabulary


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("params", [{"temperature": 0.0}, {"temperature": 1.0}, {"temperature": 1.0, "top_p": 0.9}])
def test_a_row_with_one_number_that_is_not_finite_says_so_and_its_neighbour_does_not(
    bad: float, params: dict[str, float]
) -> None:
    logits = np.tile(LOGITS, (2, 1))
    expected = _draw(logits, [_params(**params)] * 2)
    logits[0, 123] = bad

    tokens = _draw(logits, [_params(**params)] * 2, candidates=16)

    assert tokens == [NOT_FINITE, expected[1]]
