"""Pieces are copies: they share no memory with the batch, with one another, or with what is made of them."""

from itertools import pairwise

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models.cache import ArraysCache, KVCache, RotatingKVCache

from workers.mlx_engine.layer_copy import MlxLayerCopy
from workers.mlx_engine.prompt_cache import PromptCache
from workers.mlx_engine.prompt_cache_pieces import KVPiece, LayerStates, Pieces, restored
from workers.mlx_engine.prompt_cache_tree import Prefix, pack

split = Pieces().split


def cut(caches: list[KVCache], start: int, stop: int) -> KVPiece | None:
    piece, is_sound = Pieces().cut(caches, start, stop)
    return piece if is_sound.item() else None


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


class Ordered(MlxLayerCopy):
    is_ordered = True


def prompt_cache_with(tokens: int, wrong: float) -> tuple[PromptCache, Prefix]:
    """What two sequences left in it: the first one was `wrong` in the middle."""
    cache = PromptCache(Layers(KVCache), 1 << 20, layer_copy=Ordered())
    prefix = Prefix("", pack(range(tokens)), tokens)
    source = filled(2, tokens)
    source.keys[0, 0, tokens // 2, 0] = wrong
    assert cache.keep(prefix, [source], writer="a") == tokens
    assert cache.keep(Prefix("", pack([7, 8, 9]), 3), [filled(2, 3)], writer="b") == 3
    return cache, prefix


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_what_proves_to_be_wrong_later_is_never_found(wrong: float) -> None:
    cache, prefix = prompt_cache_with(30, wrong)
    length, (own,) = cache.restore(prefix, capacity=31)

    assert (length, own.offset, cache.held(prefix)) == (0, 0, 0)
    assert cache.restore(Prefix("", pack([7, 8, 9]), 3), capacity=4)[0] == 3


def test_what_proves_to_be_wrong_is_dropped_in_the_turn_after_the_next() -> None:
    cache, prefix = prompt_cache_with(30, float("nan"))
    held = []
    for _ in range(2):
        cache.tidy(is_idle=False)
        held.append(cache.held(prefix))

    assert held == [30, 0]
    assert cache.held(Prefix("", pack([7, 8, 9]), 3)) == 3


def test_an_idle_cache_knows_at_once() -> None:
    cache, prefix = prompt_cache_with(30, float("nan"))
    cache.tidy(is_idle=True)

    assert cache.held(prefix) == 0


def test_what_is_sound_stays() -> None:
    cache, prefix = prompt_cache_with(30, 1.0)
    cache.tidy(is_idle=True)

    assert cache.restore(prefix, capacity=31)[0] == 30
