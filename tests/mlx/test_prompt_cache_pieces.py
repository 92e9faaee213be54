"""Pieces are copies: they share no memory with the batch, with one another, or with what is made of them."""

from itertools import pairwise

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models.cache import ArraysCache, KVCache, RotatingKVCache

from workers.mlx_engine.prompt_cache_pieces import KVPiece, LayerStates, Pieces, restored

cut, split = Pieces().cut, Pieces().split


class Layers:
    """As much of a model as says what caches it wants."""

    def __init__(self, *kinds: type[KVCache | RotatingKVCache]) -> None:
        self._kinds = kinds
        self.layers = kinds

    def make_cache(self) -> list[KVCache | RotatingKVCache]:
        return [kind(8) if kind is RotatingKVCache else kind() for kind in self._kinds]


def filled(heads: int, tokens: int, seed: int = 0) -> KVCache:
    cache = KVCache()
    keys, values = (mx.random.normal((1, heads, tokens, 4), key=mx.random.key(seed + i)) for i in range(2))
    cache.update_and_fetch(keys, values)
    return cache


def span(array: mx.array) -> tuple[int, int]:
    """Where an array's numbers lie in memory: first address, and the one behind the last."""
    first = np.asarray(array).__array_interface__["data"][0]
    return first, first + array.nbytes


def disjoint(arrays: list[mx.array]) -> bool:
    spans = sorted(span(array) for array in arrays)
    return all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize(("start", "stop"), [(0, 256), (10, 20), (0, 1)])
def test_a_piece_shares_no_memory_with_its_source(heads: int, start: int, stop: int) -> None:
    cache = filled(heads, 256)
    piece = cut([cache], start, stop)

    assert piece is not None
    assert disjoint([cache.keys, cache.values, *piece.layers[0]])
    assert piece.nbytes == 2 * heads * (stop - start) * 4 * 4
    assert np.array_equal(piece.layers[0][0], cache.keys[:, :, start:stop])


def test_halves_share_no_memory_with_the_whole() -> None:
    whole = cut([filled(1, 40)], 0, 40)
    assert whole is not None
    first, second = split(whole, 15)

    assert disjoint([*whole.layers[0], *first.layers[0], *second.layers[0]])
    assert (first.nbytes, second.nbytes) == (whole.nbytes * 15 // 40, whole.nbytes * 25 // 40)


@pytest.mark.parametrize("length", [1, 20, 29, 30])
def test_what_is_restored_is_what_was_kept_in_memory_of_its_own(length: int) -> None:
    source = filled(1, 40)
    cuts = (cut([source], 0, 20), cut([source], 20, 30))
    pieces = tuple(piece for piece in cuts if piece is not None)[: 1 if length <= 20 else 2]
    (cache,) = restored(Layers(KVCache), length, pieces, None, capacity=length + 1)
    keys, values = cache.keys_and_values()
    kept = [array for piece in pieces for array in piece.layers[0]]

    assert np.array_equal(keys, source.keys[:, :, :length])
    assert np.array_equal(values, source.values[:, :, :length])
    assert disjoint([cache.keys, cache.values, *kept])


def test_writing_on_changes_no_piece() -> None:
    piece = cut([filled(1, 256)], 0, 256)
    assert piece is not None
    before = np.array(piece.layers[0][0])
    (cache,) = restored(Layers(KVCache), 256, (piece,), None, capacity=257)
    cache.offset = 0
    cache.update_and_fetch(mx.zeros((1, 1, 99, 4)), mx.zeros((1, 1, 99, 4)))
    mx.eval(cache.keys)

    assert np.array_equal(piece.layers[0][0], before)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_keeps_a_piece_out(wrong: float) -> None:
    cache = filled(2, 30)
    cache.values[0, 1, 9, 2] = wrong

    assert cut([cache], 0, 30) is None
    assert cut([cache], 10, 30) is not None


def test_a_window_is_kept_and_restored_in_memory_of_its_own() -> None:
    source = RotatingKVCache(8)
    for tokens in (20, 1, 1):
        source.update_and_fetch(mx.random.normal((1, 1, tokens, 4)), mx.random.normal((1, 1, tokens, 4)))
    states = LayerStates.copied([source, filled(1, 22)])
    assert states is not None
    (one,), (other,) = states.restored(), states.restored()
    kept = states.states[0][1]
    mx.eval(one.keys, other.keys, source.keys)

    assert np.array_equal(one.keys, source.keys)
    assert (one.offset, one._idx, one.max_size) == (source.offset, source._idx, 8)
    assert disjoint([source.keys, one.keys, other.keys, kept[0], kept[1]])
    assert states.nbytes == 2 * 8 * 4 * 4


def test_of_a_window_after_prefill_only_the_window_is_kept() -> None:
    source = RotatingKVCache(8)
    source.update_and_fetch(mx.random.normal((1, 1, 100, 4)), mx.random.normal((1, 1, 100, 4)))
    states = LayerStates.copied([source])
    assert states is not None
    (own,) = states.restored()
    new = mx.random.normal((1, 1, 3, 4))
    expected, got = source.update_and_fetch(new, new), own.update_and_fetch(new, new)

    assert states.nbytes == 2 * 8 * 4 * 4
    assert np.array_equal(expected[0], got[0])
    assert np.array_equal(expected[1], got[1])


def test_recurrent_states_are_kept_and_restored() -> None:
    source = ArraysCache(2)
    source[0] = mx.random.normal((1, 5))
    states = LayerStates.copied([source])
    assert states is not None
    (own,) = states.restored()
    mx.eval(own[0])

    assert np.array_equal(own[0], source[0])
    assert own[1] is None
    assert disjoint([source[0], own[0], states.states[0][1][0][0]])


def test_a_nan_keeps_a_state_out() -> None:
    source = ArraysCache(1)
    source[0] = mx.array([[float("nan")]])

    assert LayerStates.copied([source]) is None


def test_a_model_without_plain_layers_has_empty_pieces() -> None:
    assert cut([], 0, 1) == KVPiece((), 0)
