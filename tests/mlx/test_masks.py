"""Masks reach the right rows, however many there are and wherever they are unpacked."""

import threading

import mlx.core as mx
import numpy as np
import pytest

from tests.support.constraints import Ruled
from workers.constraint import Constraint
from workers.constraint_mask import mask_of
from workers.mlx_engine.mask_asker import FEW, MaskAsker
from workers.mlx_engine.masks import Masks


@pytest.mark.parametrize(("known", "width"), [(64, 64), (70, 70), (70, 100), (96, 96), (100, 90)])
@pytest.mark.parametrize("constrained", [[0, 1, 2], [1]])
def test_what_is_not_allowed_can_not_be_drawn(known: int, width: int, constrained: list[int]) -> None:
    random = np.random.default_rng(known)
    logits = random.normal(size=(3, width)).astype(np.float32)
    allowed = {row: np.flatnonzero(random.random(known) < 0.5).tolist() for row in constrained}
    expected = logits.copy()
    for row, tokens in allowed.items():
        forbidden = np.ones(width, bool)
        forbidden[[token for token in tokens if token < width]] = False
        expected[row, forbidden] = -np.inf

    masks = Masks.of([mask_of(allowed[row], known) if row in allowed else None for row in range(3)])

    assert masks is not None
    assert np.array_equal(np.array(masks.apply(mx.array(logits))), expected)


def test_rows_that_are_all_free_have_no_masks() -> None:
    assert Masks.of([None, None]) is None


def _constraints(count: int) -> list[Constraint | None]:
    """Every third is free, every fifth fails, the others allow the token of their own number."""
    return [
        None if i % 3 == 0 else Ruled((lambda _, i=i: [i // (i % 5 and 1)]), 200)  # type: ignore[misc]
        for i in range(count)
    ]


@pytest.mark.parametrize("count", [1, FEW, 3 * FEW, 100])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_constraint_is_asked_and_answered_in_its_place(count: int, threads: int) -> None:
    answers = MaskAsker(threads).ask(_constraints(count))

    for i, answer in enumerate(answers):
        if i % 3 == 0:
            assert answer is None
        elif i % 5 == 0:
            assert isinstance(answer, ZeroDivisionError)
        else:
            assert np.array_equal(np.array(answer), mask_of([i], 200))


def test_many_constraints_are_asked_side_by_side() -> None:
    meeting = threading.Barrier(2, timeout=30)

    def waits(_: list[int]) -> list[int]:
        # Alone it would wait in vain, and say so.
        meeting.wait()
        return [1]

    answers = MaskAsker(2).ask([Ruled(waits, 32) for _ in range(2 * FEW)])

    assert [type(answer) for answer in answers] == [np.ndarray] * 2 * FEW
