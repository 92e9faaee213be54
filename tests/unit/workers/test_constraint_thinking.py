"""Thinking ends when its budget is spent, in the family's words, whatever the model would rather do."""

import numpy as np
import pytest

from models.syntax import ThinkSyntax
from tests.support.byte_vocabulary import SPELLED, decode, encode
from tests.support.constraints import Ruled
from workers.constraint_mask import mask_of
from workers.constraint_thinking import Both, ThinkingBudget

SYNTAX = ThinkSyntax()
END = "\n</think>\n\n"


class _Bytes:
    def step(self, token_id: int) -> str:
        return decode([token_id])


def _budget(tokens: int, syntax: ThinkSyntax = SYNTAX) -> ThinkingBudget:
    return ThinkingBudget(syntax, tokens, encode(END), len(SPELLED), _Bytes)


def _after(constraint: ThinkingBudget | Both, text: str, wish: int = ord("x"), count: int = 30) -> str:
    """What follows this text where the model always wants the same token."""
    constraint.restart(encode(text))
    answer: list[int] = []
    while len(answer) < count:
        mask = constraint.allowed()
        bits = np.ones(len(SPELLED)) if mask is None else np.unpackbits(mask.view(np.uint8), bitorder="little")
        answer.append(wish if bits[wish] else int(np.flatnonzero(bits)[0]))
        constraint.push(answer[-1])
    return decode(answer)


def test_thinking_that_spends_its_budget_is_ended_and_the_answer_is_free() -> None:
    said = _after(_budget(12), "<think>\n")

    thoughts, answer = said.split(END)
    assert (set(thoughts), set(answer)) == ({"x"}, {"x"})
    assert len(encode("<think>\n" + thoughts)) <= 12 + len(encode("<think>\n"))


def test_thinking_within_its_budget_is_left_alone() -> None:
    said = _after(_budget(12), "<think>\nShort.\n</think>\n\n")

    assert said == "x" * 30


def test_an_answer_without_thinking_is_left_alone() -> None:
    assert _after(_budget(3), "Hello. ") == "x" * 30


def test_thinking_that_the_prompt_has_opened_counts_from_the_first_token() -> None:
    said = _after(_budget(5, ThinkSyntax(opened=True)), "")

    assert said.startswith("x" * 5 + END + "x")


def test_a_budget_of_nothing_ends_thinking_at_once() -> None:
    assert _after(_budget(0, ThinkSyntax(opened=True)), "").startswith(END)


@pytest.mark.parametrize("cut", range(4, 24))
def test_restarting_anywhere_goes_on_alike(cut: int) -> None:
    whole = "<think>\n" + _after(_budget(8), "<think>\n")
    tokens = encode(whole)

    again = decode(tokens[:cut]) + _after(_budget(8), decode(tokens[:cut]), count=len(tokens) - cut)

    assert again == whole


def _only(text: str) -> Ruled:
    """Allows this text and then anything."""
    tokens = encode(text)
    return Ruled(lambda output: tokens[len(output) : len(output) + 1] or None, len(SPELLED))


def test_both_allow_what_both_allow() -> None:
    both = Both(_only("<think>\nabc"), _budget(6))

    assert _after(both, "").startswith("<think>\nabc")
    assert END in _after(both, "")


def test_where_nothing_is_left_the_stronger_decides_and_the_end_of_thinking_comes_later() -> None:
    stubborn = "<think>\n" + "y" * 12
    both = Both(_only(stubborn), _budget(2))

    assert _after(both, "", count=40).startswith(stubborn + END)


def test_a_mask_of_the_weaker_is_cut_by_the_stronger() -> None:
    ended = Both(Ruled(lambda _: encode(END), len(SPELLED)), _budget(0, ThinkSyntax(opened=True)))
    ended.restart([])
    mask = ended.allowed()

    assert mask is not None
    assert np.array_equal(mask, mask_of(encode(END)[:1], len(SPELLED)))


def test_a_fork_is_to_be_had_once_thinking_is_over() -> None:
    both = Both(_only("<think>\n\n</think>\n\nabc"), _budget(9))
    during = both.fork()
    both.restart(encode("<think>\n\n</think>\n\na"))
    after = both.fork()

    assert during is None
    assert after is not None
    after.push(ord("b"))
    assert np.array_equal(np.array(after.allowed()), mask_of([ord("c")], len(SPELLED)))
