from queue_config.request import SamplingParams
from workers.scheduler import Scheduler
from workers.sequence import Sequence, Stage


def a_sequence(name: str, tokens: int = 4) -> Sequence:
    return Sequence(name, tuple(range(tokens)), SamplingParams(max_tokens=4))


def take_turn(scheduler: Scheduler) -> list[tuple[str, int]]:
    """Prefill what the scheduler wants; return it as (id, tokens)."""
    chosen = scheduler.to_prefill()
    for sequence, tokens in chosen:
        scheduler.prefilled(sequence, sequence.to_prefill - tokens)
    return [(sequence.id, tokens) for sequence, tokens in chosen]


def test_short_prompts_share_a_chunk_and_join_in_one_turn() -> None:
    scheduler = Scheduler(max_batch=8, prefill_chunk=10)
    for name in "abc":
        scheduler.add(a_sequence(name))

    assert take_turn(scheduler) == [("a", 4), ("b", 4), ("c", 2)]
    assert take_turn(scheduler) == [("c", 2)]
    assert (scheduler.waiting, scheduler.running) == (0, 3)


def test_a_long_prompt_takes_a_chunk_a_turn() -> None:
    scheduler = Scheduler(max_batch=8, prefill_chunk=10)
    long = a_sequence("long", 25)
    scheduler.add(long)

    assert take_turn(scheduler) == [("long", 10)]
    between = long.stage
    assert [take_turn(scheduler), take_turn(scheduler)] == [[("long", 10)], [("long", 5)]]
    assert [between, long.stage] == [Stage.PREFILLING, Stage.DECODING]


def test_no_more_than_the_batch_holds_are_prefilled() -> None:
    scheduler = Scheduler(max_batch=2, prefill_chunk=100)
    first, *_ = sequences = [a_sequence(name) for name in "abc"]
    for sequence in sequences:
        scheduler.add(sequence)

    assert take_turn(scheduler) == [("a", 4), ("b", 4)]
    assert take_turn(scheduler) == []
    scheduler.remove(first)
    assert take_turn(scheduler) == [("c", 4)]


def test_a_removed_sequence_is_gone_wherever_it_stood() -> None:
    scheduler = Scheduler(max_batch=1, prefill_chunk=100)
    running, waiting = a_sequence("a"), a_sequence("b")
    scheduler.add(running)
    scheduler.add(waiting)
    take_turn(scheduler)

    scheduler.remove(waiting)
    scheduler.remove(running)
    scheduler.remove(running)

    assert scheduler.is_idle
