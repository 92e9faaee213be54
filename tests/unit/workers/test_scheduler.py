from tests.support.scheduling import a_scheduler, a_sequence, take_turn
from workers.sequence import Stage


def test_short_prompts_share_a_chunk_and_join_in_one_turn() -> None:
    scheduler = a_scheduler(chunk=10)
    for name in "abc":
        scheduler.add(a_sequence(name))

    assert take_turn(scheduler) == [("a", 4), ("b", 4)]
    assert take_turn(scheduler) == [("c", 4)]
    assert (scheduler.waiting, scheduler.running) == (0, 3)


def test_what_a_short_prompt_leaves_of_a_chunk_goes_to_the_next_one_if_it_is_much() -> None:
    scheduler = a_scheduler(chunk=10)
    scheduler.add(a_sequence("short", 4))
    scheduler.add(a_sequence("long", 30))

    assert take_turn(scheduler) == [("short", 4), ("long", 6)]


def test_prompts_that_are_better_whole_are_not_cut_for_the_rest_of_a_chunk() -> None:
    scheduler = a_scheduler(chunk=90, uncut_tokens=60)
    for name, tokens in (("a", 40), ("b", 45), ("c", 50), ("d", 60)):
        scheduler.add(a_sequence(name, tokens))

    assert take_turn(scheduler) == [("a", 40), ("b", 45)]
    assert take_turn(scheduler) == [("c", 50), ("d", 60)]  # the chunk grows by less than a third


def test_a_longer_prompt_is_cut_beside_those_that_are_better_whole() -> None:
    scheduler = a_scheduler(chunk=90, uncut_tokens=60)
    for name, tokens in (("short", 60), ("long", 400)):
        scheduler.add(a_sequence(name, tokens))

    assert take_turn(scheduler) == [("short", 60), ("long", 30)]


def test_a_prompt_larger_than_the_chunk_is_cut_where_it_comes_first() -> None:
    scheduler = a_scheduler(chunk=20, uncut_tokens=60)
    scheduler.add(a_sequence("a", 50))

    assert [take_turn(scheduler) for _ in range(3)] == [[("a", 20)], [("a", 20)], [("a", 10)]]


def test_a_long_prompt_takes_a_chunk_a_turn() -> None:
    scheduler = a_scheduler(chunk=10)
    long = a_sequence("long", 25)
    scheduler.add(long)

    assert take_turn(scheduler) == [("long", 10)]
    between = long.stage
    assert [take_turn(scheduler), take_turn(scheduler)] == [[("long", 10)], [("long", 5)]]
    assert [between, long.stage] == [Stage.PREFILLING, Stage.DECODING]


def test_a_short_prompt_overtakes_a_long_one() -> None:
    scheduler = a_scheduler(chunk=10)
    scheduler.add(a_sequence("long", 1000))
    take_turn(scheduler)
    scheduler.add(a_sequence("short", 9))

    assert take_turn(scheduler) == [("short", 9)]
    assert take_turn(scheduler) == [("long", 10)]


def test_a_long_prompt_gets_every_fourth_chunk_however_many_short_ones_come() -> None:
    scheduler = a_scheduler(max_batch=100, chunk=10)
    scheduler.add(a_sequence("long", 1000))
    served = []
    for turn in range(16):
        scheduler.add(a_sequence(f"short {turn}", 10))
        served.append(take_turn(scheduler)[0][0])

    assert served.count("long") == 4


def test_no_more_than_the_batch_holds_are_prefilled() -> None:
    scheduler = a_scheduler(max_batch=2, chunk=100)
    first, *_ = sequences = [a_sequence(name) for name in "abc"]
    for sequence in sequences:
        scheduler.add(sequence)

    assert take_turn(scheduler) == [("a", 4), ("b", 4)]
    assert take_turn(scheduler) == []
    scheduler.remove(first)
    assert take_turn(scheduler) == [("c", 4)]


def test_a_removed_sequence_is_gone_wherever_it_stood() -> None:
    scheduler = a_scheduler(max_batch=2, chunk=4)
    running, prefilling, waiting = a_sequence("a"), a_sequence("b", 50), a_sequence("c")
    for sequence in (running, prefilling, waiting):
        scheduler.add(sequence)
    take_turn(scheduler)
    take_turn(scheduler)
    for sequence in (waiting, prefilling, running, running):
        scheduler.remove(sequence)

    assert scheduler.is_idle


def test_interactive_prompts_are_admitted_and_prefilled_before_others() -> None:
    scheduler = a_scheduler(max_batch=2, chunk=10)
    scheduler.add(a_sequence("batch", 10, lane="batch"))
    scheduler.add(a_sequence("background", 10, lane="background"))
    scheduler.add(a_sequence("interactive", 10))

    assert [take_turn(scheduler), take_turn(scheduler)] == [[("interactive", 10)], [("background", 10)]]


def test_every_fourth_admission_is_by_age_so_that_lower_lanes_get_on() -> None:
    scheduler = a_scheduler(max_batch=1, chunk=10)
    scheduler.add(a_sequence("batch", 10, lane="batch"))
    scheduler.add(a_sequence("background", 10, lane="background"))
    admitted = []
    for turn in range(8):
        sequence = a_sequence(f"interactive {turn}", 10)
        scheduler.add(sequence)
        (first,) = scheduler.to_prefill()
        admitted.append(first[0].id)
        scheduler.remove(first[0])

    assert (admitted[3], admitted[7]) == ("batch", "background")


def test_only_the_named_one_prefills_where_one_is_named() -> None:
    scheduler = a_scheduler(chunk=10)
    for name in "ab":
        scheduler.add(a_sequence(name))

    assert [sequence.id for sequence, _ in scheduler.to_prefill(only="b")] == ["b"]
    assert scheduler.to_prefill(only="unknown") == []


def test_those_put_back_prefill_their_prompt_and_output_before_anybody_else() -> None:
    scheduler = a_scheduler(chunk=10)
    sequence = a_sequence("a")
    scheduler.add(sequence)
    take_turn(scheduler)
    sequence.output += [1, 2]
    back = scheduler.put_back()
    scheduler.add(a_sequence("b", 6))

    assert back == [sequence]
    assert (sequence.stage, sequence.to_prefill, scheduler.running) == (Stage.PREFILLING, 6, 0)
    assert take_turn(scheduler)[0] == ("a", 6)
