"""Drafts: what is guessed, and when guessing stops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.drafting import GRAM, SHORTEST_PAUSE, Lookup, Trust, whole_size

tokens = st.lists(st.integers(0, 3), max_size=60)


@pytest.mark.parametrize(
    ("text", "most", "guesses"),
    [
        ([], 4, []),
        ([1, 2, 3, 4], 4, []),
        ([1, 2, 3, 4, 5, 6, 1, 2, 3], 2, [4, 5]),
        # The last time that it stood there counts.
        ([1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3], 1, [5]),
        # The text ends within what is quoted, and starts over.
        ([1, 2, 3, 4, 1, 2, 3], 6, [4, 1, 2, 3, 4, 1]),
        ([7, 7, 7, 7], 3, [7, 7, 7]),
    ],
)
def test_what_followed_before_is_guessed_again(text: list[int], most: int, guesses: list[int]) -> None:
    assert Lookup(text).draft(most) == guesses


@given(tokens, st.integers(1, 20))
def test_a_draft_begins_with_what_stood_behind_the_last_gram(text: list[int], most: int) -> None:
    guesses = Lookup(text).draft(most)

    gram = text[-GRAM:]
    before = [at for at in range(len(text) - GRAM) if text[at : at + GRAM] == gram] if len(gram) == GRAM else []
    assert len(guesses) == (most if before else 0)
    if before:
        assert guesses[0] == text[before[-1] + GRAM]


@given(tokens, tokens)
def test_a_text_may_come_in_pieces(start: list[int], rest: list[int]) -> None:
    whole, pieces = Lookup(start + rest), Lookup(start)
    for token in rest:
        pieces.push(token)

    assert pieces.draft(9) == whole.draft(9)


def test_right_guesses_make_drafts_longer_up_to_a_bound() -> None:
    trust = Trust()
    sizes = []
    for _ in range(4):
        sizes.append(trust.most())
        trust.checked(sizes[-1], sizes[-1])

    assert sizes == [3, 7, 15, 15]


@pytest.mark.parametrize(("right", "next_size"), [(1, 1), (2, 1), (3, 3), (6, 3), (7, 15)])
def test_the_next_draft_is_no_longer_than_what_was_right_of_this_one(right: int, next_size: int) -> None:
    trust = Trust()
    trust.checked(3, 3)
    trust.checked(7, right)

    assert trust.most() == next_size


@pytest.mark.parametrize(("guesses", "size"), [(0, 0), (1, 1), (2, 1), (14, 7), (40, 15)])
def test_drafts_are_cut_to_one_of_few_sizes(guesses: int, size: int) -> None:
    assert whole_size(guesses) == size


def test_a_wrong_draft_is_followed_by_a_pause_that_doubles_until_one_is_right() -> None:
    trust = Trust()
    pauses = []
    for right in (0, 0, 1, 0):
        trust.checked(3, right)
        pauses.append(_tokens_until_the_next(trust))

    assert pauses == [SHORTEST_PAUSE, 2 * SHORTEST_PAUSE, 0, SHORTEST_PAUSE]


def _tokens_until_the_next(trust: Trust) -> int:
    count = 0
    while not trust.most():
        trust.passed()
        count += 1
    return count
