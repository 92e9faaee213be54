"""Luck is a function of (seed, position), and looks like luck whichever of the two moves."""

import numpy as np
import pytest

from workers.mlx_engine.chance import stream, uniforms

COUNT = 1 << 16


def _by_position(seed: int) -> np.ndarray:
    return uniforms(np.full(COUNT, stream(seed), np.uint64), np.arange(COUNT, dtype=np.uint64))


def _by_seed(position: int) -> np.ndarray:
    streams = np.array([stream(seed) for seed in range(COUNT)], np.uint64)
    return uniforms(streams, np.full(COUNT, position, np.uint64))


def _unevenness(numbers: np.ndarray) -> float:
    """Chi-square over 256 bins, in standard deviations from what even numbers give."""
    counts = np.bincount((numbers * 256).astype(int), minlength=256)
    expected = numbers.size / 256
    return float((((counts - expected) ** 2 / expected).sum() - 255) / np.sqrt(2 * 255))


@pytest.mark.parametrize("numbers", [_by_position(0), _by_position(2**64 - 1), _by_seed(0), _by_seed(500)])
def test_numbers_are_even_over_positions_and_over_seeds(numbers: np.ndarray) -> None:
    unevenness = [_unevenness(numbers[:, 0]), _unevenness(numbers[:, 1])]

    assert max(map(abs, unevenness)) < 4


@pytest.mark.parametrize("numbers", [_by_position(1), _by_seed(1)])
def test_a_number_tells_nothing_of_the_next_one_or_of_its_twin(numbers: np.ndarray) -> None:
    first, second = numbers[:, 0], numbers[:, 1]
    correlations = [
        np.corrcoef(first, second)[0, 1],
        np.corrcoef(first[1:], first[:-1])[0, 1],
        np.corrcoef(second[1:], first[:-1])[0, 1],
    ]

    assert np.abs(correlations).max() < 4 / np.sqrt(COUNT)


def test_numbers_stay_below_one_even_times_a_float() -> None:
    largest = uniforms(np.array([stream(1)], np.uint64), np.arange(COUNT, dtype=np.uint64)).max()
    top = np.float32(1) - np.float32(2) ** -23
    totals = np.array([1.0, 1.0000001, 1.9999999, 3.3333333, 49152.0], np.float32)

    assert largest <= top
    assert (top * totals < totals).all()


def test_negative_and_huge_seeds_are_seeds() -> None:
    streams = {stream(seed) for seed in (-1, 0, 1, 2**63, 2**64 - 2)}

    assert len(streams) == 5
