"""A product that the cores share is MLX's own."""

import threading

import pytest

from workers.mlx_engine.cores import Cores
from workers.mlx_engine.split_linear import SplitLinear, SplitProducts

import mlx.core as mx  # isort: skip
import mlx.nn as nn  # isort: skip
from mlx.utils import tree_flatten  # isort: skip

WIDTH = 520


@pytest.mark.parametrize("cores", [1, 2, 3, 8])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("outputs", [1100, 5003])
def test_a_product_is_the_same_however_many_share_it(outputs: int, bias: bool, cores: int) -> None:
    model = nn.Sequential(nn.Linear(WIDTH, outputs, bias=bias))
    some = mx.random.normal((7, 1, WIDTH))
    inputs = [some, some[:0], some.transpose(1, 0, 2), mx.random.normal((1, WIDTH, 9)).swapaxes(1, 2), some[0, 0]]
    wanted = [model(x) for x in inputs]
    mx.eval(wanted)

    products = SplitProducts.of(model, Cores(cores))
    with products.at_once():
        got = [model(x) for x in inputs]

    assert isinstance(model.layers[0], SplitLinear)
    assert [x.shape for x in got] == [x.shape for x in wanted]
    assert all(mx.allclose(mine, theirs, rtol=1e-4, atol=1e-4) for mine, theirs in zip(got, wanted, strict=True))
    assert mx.array_equal(model(some), wanted[0])


def test_weights_keep_their_places_and_small_or_packed_layers_are_let_be() -> None:
    packed = nn.QuantizedLinear(1024, 1024)
    half = nn.Linear(1024, 1024)
    half.set_dtype(mx.float16)
    model = nn.Sequential(nn.Linear(1024, 1024), nn.Linear(1024, 16), packed, half)
    before = dict(tree_flatten(model.parameters()))

    SplitProducts.of(model, Cores(2))

    assert [type(layer) for layer in model.layers] == [SplitLinear, nn.Linear, nn.QuantizedLinear, nn.Linear]
    after = dict(tree_flatten(model.parameters()))
    assert after.keys() == before.keys()
    assert all(mx.array_equal(after[path], before[path]) for path in before)


def test_half_precision_goes_mlx_s_way() -> None:
    model = nn.Sequential(nn.Linear(1024, 1024))
    products = SplitProducts.of(model, Cores(2))

    with products.at_once():
        got = model(mx.ones((2, 1024), mx.float16))

    assert mx.array_equal(got, model(mx.ones((2, 1024), mx.float16)))


def test_cores_do_their_parts_side_by_side_and_one_s_error_is_everybody_s() -> None:
    meeting = threading.Barrier(3, timeout=10)

    Cores(3).run([meeting.wait] * 3)

    with pytest.raises(ZeroDivisionError):
        Cores(2).run([threading.get_ident, lambda: 1 // 0])
