"""The size of chunks, on a machine whose turns take what the tests say."""

from dataclasses import dataclass

import pytest

from workers.pace import CALM_TURN_S, DEAREST, LOOK_EVERY, PATIENCE, Pace

SIZES = tuple(range(8, 129, 8))


@dataclass
class Machine:
    """A pass over the weights, then so much for each token; a step of the batch takes `step_s`."""

    pass_s: float = 0.010
    token_s: float = 0.003
    step_s: float = 0.100

    def turns(self, pace: Pace, count: int, decoding: int = 8, waiting: int = 1) -> list[tuple[int, float]]:
        """(tokens, seconds of prefill) of each turn, long prompts waiting all the time."""
        done = []
        for _ in range(count):
            tokens = pace.chunk(decoding, waiting)
            prefill_s = self.pass_s + tokens * self.token_s if tokens else 0.0
            pace.turned((self.step_s if decoding else 0.0) + prefill_s, decoding, tokens)
            done.append((tokens, prefill_s))
        return done


def test_with_nobody_decoding_a_chunk_is_full() -> None:
    assert [tokens for tokens, _ in Machine().turns(Pace(SIZES), 2, decoding=0)] == [128, 128]


def test_with_nobody_decoding_a_slow_machine_s_turns_are_still_bounded() -> None:
    last = Machine(token_s=0.040).turns(Pace(SIZES), 20, decoding=0)[-5:]

    assert all(CALM_TURN_S / 2 < seconds <= CALM_TURN_S for _, seconds in last)


def test_a_machine_that_was_slow_for_a_while_gets_full_chunks_again() -> None:
    pace = Pace(SIZES)
    Machine(token_s=0.1).turns(pace, 20, decoding=0)

    assert Machine().turns(pace, 30, decoding=0)[-1][0] == 128


def test_the_first_turn_among_others_shows_what_a_step_takes() -> None:
    assert [tokens > 0 for tokens, _ in Machine().turns(Pace(SIZES), 3)] == [False, True, True]


@pytest.mark.parametrize("token_s", [0.0005, 0.003, 0.006])
@pytest.mark.parametrize("pass_s", [0.010, 0.080])
def test_among_others_chunks_grow_to_the_limit_and_no_further(pass_s: float, token_s: float) -> None:
    machine = Machine(pass_s, token_s)
    with_prefill = [turn for turn in machine.turns(Pace(SIZES), 80)[30:] if turn[0]]

    limit_s = PATIENCE * machine.step_s
    assert all(tokens == SIZES[0] or seconds <= 1.06 * limit_s for tokens, seconds in with_prefill)
    assert all(tokens == 128 or seconds + 8 * token_s > 0.95 * limit_s for tokens, seconds in with_prefill)


def test_where_many_wait_they_get_as_much_more_time() -> None:
    machine = Machine()
    few = machine.turns(Pace(SIZES), 30, decoding=4, waiting=2)[-1]
    many = machine.turns(Pace(SIZES), 30, decoding=4, waiting=6)[-1]

    assert 2 * few[1] < many[1] <= 1.06 * 3 * PATIENCE * machine.step_s


def test_a_prompt_gets_at_least_the_smallest_chunk_however_slow_it_is() -> None:
    turns = Machine(token_s=1.0).turns(Pace(SIZES), LOOK_EVERY + 2)

    assert [tokens for tokens, _ in turns] == [0, *[8] * LOOK_EVERY, 0]


def test_where_even_the_smallest_chunk_is_seen_none_grows() -> None:
    machine = Machine(pass_s=0.250, token_s=0.001, step_s=0.150)

    assert {tokens for tokens, _ in machine.turns(Pace(SIZES), 100)} == {0, 8}


@pytest.mark.parametrize(("token_s", "settled"), [(0.00001, 128), (0.00025, 128), (0.0015, 48)])
def test_where_a_pass_itself_takes_several_steps_chunks_grow_while_that_is_worth_it(
    token_s: float, settled: int
) -> None:
    machine = Machine(pass_s=0.025, token_s=token_s, step_s=0.010)
    turns = [turn for turn in machine.turns(Pace(SIZES), 100)[60:] if turn[0]]

    smallest_s = machine.pass_s + SIZES[0] * token_s
    assert {tokens for tokens, _ in turns} == {settled, SIZES[0]}  # the smallest one, to see what it takes by now
    assert all(seconds <= 1.06 * DEAREST * smallest_s for _, seconds in turns)


def test_where_tokens_take_the_time_chunks_stay_small_however_long_they_take() -> None:
    pace, machine = Pace((64, 96, 128, 192, 256)), Machine(pass_s=0.010, token_s=0.003, step_s=0.020)

    assert {tokens for tokens, _ in machine.turns(pace, 60)[20:]} == {0, 64}


def test_chunks_that_grew_beyond_the_promise_shrink_where_it_can_be_kept_again() -> None:
    pace, machine = Pace(SIZES), Machine(pass_s=0.025, token_s=0.0015, step_s=0.010)
    machine.turns(pace, 60)
    machine.pass_s = 0.0
    machine.token_s = 0.001

    assert {tokens for tokens, _ in machine.turns(pace, 250)[150:]} <= {0, 8}


def test_a_batch_twice_as_large_is_looked_at_anew() -> None:
    pace, machine = Pace(SIZES), Machine()
    machine.turns(pace, 5, decoding=2)

    assert [machine.turns(pace, 1, decoding=rows)[0][0] > 0 for rows in (3, 4, 4)] == [True, False, True]


def test_chunks_follow_a_machine_that_slows_down() -> None:
    pace, machine = Pace(SIZES), Machine()
    machine.turns(pace, 20)
    machine.token_s *= 3
    later = [turn for turn in machine.turns(pace, 60)[20:] if turn[0]]

    assert all(seconds <= 1.06 * PATIENCE * machine.step_s for _, seconds in later)


def test_one_slow_turn_changes_nothing() -> None:
    pace, machine = Pace(SIZES), Machine()
    machine.turns(pace, 20)
    before = pace.chunk(8, 1)
    pace.turned(5.0, 8, before)

    assert pace.chunk(8, 1) == before > SIZES[0]


@pytest.mark.parametrize("before", [0, 60])
def test_turns_that_were_slow_for_another_reason_do_not_keep_chunks_small(before: int) -> None:
    """Seen: room for a long prompt was made in its first turn, and chunks stayed at the smallest until its end."""
    pace = Pace(SIZES)
    Machine().turns(pace, 1 + before)
    Machine(pass_s=0.5).turns(pace, 12)

    last = [tokens for tokens, _ in Machine().turns(pace, 40) if tokens][-5:]
    assert min(last) >= 3 * SIZES[0]


def test_a_prompt_much_shorter_than_the_chunk_says_nothing_about_its_size() -> None:
    pace, machine = Pace(SIZES), Machine()
    machine.turns(pace, 20)
    before = pace.chunk(8, 1)
    for _ in range(3):
        pace.turned(0.200, 8, 8)

    assert pace.chunk(8, 1) == before > 2 * 8


def test_prefill_that_takes_no_time_at_all_gets_full_chunks() -> None:
    turns = Machine(pass_s=0.0, token_s=0.0).turns(Pace(SIZES), 12)

    assert [tokens for tokens, _ in turns] == [0, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 128]
