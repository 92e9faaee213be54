"""Draft models: how much they guess, and when they had better not."""

import pytest

from workers.draft_length import LONGEST_PAUSE, SHORTEST_PAUSE, DraftLength, PassTimes
from workers.drafting import SIZES

QUICK = PassTimes({0: 1.0, 1: 1.05, 3: 1.1, 7: 1.2, 15: 1.4}, guess=0.1, chunk=64, chunk_s=1.0)
SLOW = PassTimes(QUICK.checks, guess=0.9, chunk=64, chunk_s=1.0)
MUCH = 1000


def after(checked: list[tuple[int, int]], times: PassTimes = QUICK) -> DraftLength:
    length = DraftLength(times)
    for guesses, right in checked:
        length.checked(guesses, right)
    return length


@pytest.mark.parametrize(
    ("checked", "most"),
    [
        ([(7, 7)] * 9, 15),
        ([(7, 5)] * 9, 7),
        ([(3, 1), (3, 2), (3, 3)] * 5, 3),
        ([(3, 1), (3, 0)] * 5, 1),
    ],
)
def test_the_more_guesses_are_right_the_more_are_asked_for(checked: list[tuple[int, int]], most: int) -> None:
    assert after(checked).most(MUCH) == most


@pytest.mark.parametrize(("room", "most"), [(0, 0), (2, 1), (5, 3), (7, 7)])
def test_no_more_is_guessed_than_may_still_come(room: int, most: int) -> None:
    assert after([(7, 7)]).most(room) == most


def test_a_draft_model_that_is_hardly_quicker_never_pays() -> None:
    assert not DraftLength(SLOW).pays
    assert DraftLength(QUICK).pays


def test_wrong_guesses_end_in_pauses_that_double() -> None:
    length = DraftLength(QUICK)
    drafts, pauses = [], []
    for _ in range(9):
        drafts.append(wrong_until_it_stops(length))
        pauses.append(tokens_until_the_next(length))

    assert pauses[:3] == [SHORTEST_PAUSE, 2 * SHORTEST_PAUSE, 4 * SHORTEST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    assert drafts == [6] + [4] * 8


def test_a_draft_that_is_all_right_halves_the_next_pause() -> None:
    length = DraftLength(QUICK)
    for _ in range(4):
        wrong_until_it_stops(length)
        before = tokens_until_the_next(length)
    length.checked(3, 3)
    wrong_until_it_stops(length)

    assert tokens_until_the_next(length) == before


@pytest.mark.parametrize(
    ("unread", "room", "is_worth"), [(0, 1, True), (1000, 20, False), (1000, 500, True), (20_000, 10**6, False)]
)
def test_a_text_is_read_where_the_rest_of_the_answer_may_gain_more_than_that_takes(
    unread: int, room: int, *, is_worth: bool
) -> None:
    assert after([(3, 2)] * 9).is_worth(unread, room) == is_worth


def wrong_until_it_stops(length: DraftLength) -> int:
    count = 0
    while size := length.most(MUCH):
        assert size in SIZES
        length.checked(size, 0)
        count += 1
    return count


def tokens_until_the_next(length: DraftLength) -> int:
    count = 0
    while not length.most(MUCH):
        length.passed()
        count += 1
    return count
