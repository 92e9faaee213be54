"""Counting what is missing from an answer, or in it twice."""

import pytest

from tests.chaos.ledger import Entry
from tests.chaos.prompts import Damage, Prompt, damage, echo
from tests.chaos.report import damage_of


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ("a b c d", Damage(0, 0)),
        ("a b d", Damage(1, 0)),
        ("a b b c d", Damage(0, 1)),
        ("a b x d", Damage(1, 1)),
        ("a b c  d", Damage(1, 0)),
        ("", Damage(4, 0)),
    ],
)
def test_words_are_counted(seen: str, expected: Damage) -> None:
    assert damage("a b c d", seen) == expected


def test_no_two_prompts_share_a_word() -> None:
    first, second = echo(1, 50).text.split(), echo(2, 50).text.split()

    assert len({*first, *second}) == 100


def test_a_canceled_answer_is_the_right_ones_beginning() -> None:
    whole, other = "a b c d", "a x"

    assert damage_of(Entry(0, "stream", Prompt("", whole), outcome="canceled", text="a b")) == Damage(0, 0)
    assert damage_of(Entry(0, "stream", Prompt("", whole), outcome="canceled", text=other)) == Damage(3, 1)


def test_what_a_reader_hears_again_adds_nothing_and_what_differs_is_a_fault() -> None:
    entry = Entry(0, "stream", Prompt("", "one two"))
    entry.hear(0, "one t")
    entry.hear(0, "one two")
    entry.hear(4, "one")

    assert entry.text == "one two"
    assert entry.faults == ["said 'two' at 4, then 'one'"]
