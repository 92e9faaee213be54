"""Whoever else is in the batch, and whenever they come and go, a sequence's tokens are the same."""

from typing import Any

import pytest

from tests.mlx.driving import alone, assert_as_alone, plain_greedy, run, sequence, words
from workers.engine import Sampled
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

MIXED: tuple[dict[str, Any], ...] = (
    {"temperature": 0.0},
    {"temperature": 1.0, "seed": 3},
    {"temperature": 0.7, "top_k": 5, "seed": 4},
    {"temperature": 1.3, "top_p": 0.8, "seed": 5},
    {"temperature": 1.0, "top_k": 40, "top_p": 0.95, "seed": 6},
)


def _mixed(count: int, max_tokens: int = 20) -> list[Sequence]:
    """Sequences of all lengths and settings."""
    return [
        sequence(f"s{i}", words(i, 3 + 11 * i % 70), max_tokens=max_tokens - i % 5, **MIXED[i % len(MIXED)])
        for i in range(count)
    ]


def test_greedy_tokens_are_those_of_the_bare_model(tiny: MlxEngine) -> None:
    prompts = {f"s{i}": words(i, length) for i, length in enumerate((5, 40, 17, 17, 200))}
    expected = {name: plain_greedy(tiny._loaded.model, prompt, 12) for name, prompt in prompts.items()}

    got = run(tiny, [sequence(name, prompt) for name, prompt in prompts.items()])

    assert got == expected


def test_a_batch_of_unlike_sequences_gives_each_what_it_gets_alone(tiny: MlxEngine) -> None:
    expected = alone(tiny, _mixed(16))

    got = run(tiny, _mixed(16))

    assert got == expected


@pytest.mark.parametrize("shuffle", [1, 2, 3])
def test_joining_and_leaving_at_any_step_changes_nobody_elses_tokens(tiny: MlxEngine, shuffle: int) -> None:
    expected = alone(tiny, _mixed(14))
    steps = words(100 + shuffle, 28, vocabulary=40)
    joins = {f"s{i}": step - 10 for i, step in enumerate(steps[:14])}
    leaves = {f"s{i}": joins[f"s{i}"] + step // 2 for i, step in enumerate(steps[14:]) if i % 3 == 0}

    got = run(tiny, _mixed(14), joins=joins, leaves=leaves)

    assert_as_alone(got, expected, joins, leaves)


def test_a_longer_sequence_moves_the_others_and_its_end_moves_them_back(tiny: MlxEngine) -> None:
    short, long = sequence("short", words(1, 4), max_tokens=60), sequence("long", words(2, 700), max_tokens=9)
    late = sequence("late", words(3, 30), max_tokens=20)
    expected = alone(tiny, [short, long, late])

    got = run(tiny, [short, long, late], joins={"long": 5, "late": 25})

    assert got == expected


def test_the_batch_gives_its_memory_back(tiny: MlxEngine) -> None:
    everybody = [sequence(f"s{i}", words(i, 300), max_tokens=40) for i in range(9)]
    run(tiny, everybody, leaves={f"s{i}": 2 for i in range(1, 9)})
    empty_bytes = tiny.kv_bytes
    last = sequence("last", words(9, 20), max_tokens=4)
    tiny.add(last)
    tiny.prefill("last", 64)
    tiny.decode()

    assert empty_bytes == 0
    assert tiny.kv_bytes == 256 * tiny.info.kv.bytes_for(1)


def test_a_sequence_alone_after_many_holds_little_memory(tiny: MlxEngine) -> None:
    for i in range(8):
        tiny.add(sequence(f"s{i}", words(i, 300 if i else 10), max_tokens=400))
        tiny.prefill(f"s{i}", 400)
    tiny.decode()
    for i in range(1, 8):
        tiny.remove(f"s{i}")
    tiny.decode()

    # Two rows of 256 columns instead of eight of 512: one of them is room for a newcomer.
    assert tiny.kv_bytes <= 2 * 256 * tiny.info.kv.bytes_for(1)


def test_a_resumed_sequence_goes_on_as_if_it_had_never_stopped(tiny: MlxEngine) -> None:
    whole = alone(tiny, _mixed(5))
    resumed = [Sequence(s.id, s.prompt, s.sampling, whole[s.id][: 3 + i]) for i, s in enumerate(_mixed(5))]

    got = run(tiny, resumed)

    assert got == {name: tokens[3 + i :] for i, (name, tokens) in enumerate(whole.items())}


def test_the_same_seed_gives_the_same_tokens_in_every_row_of_a_batch(tiny: MlxEngine) -> None:
    twins = [sequence(f"s{i}", words(1, 20), temperature=1.0, seed=11) for i in range(6)]

    got = run(tiny, twins, joins={"s4": 3, "s5": 7})

    assert len({tuple(tokens) for tokens in got.values()}) == 1


def test_different_seeds_give_different_tokens(tiny: MlxEngine) -> None:
    got = run(tiny, [sequence(f"s{i}", words(1, 20), temperature=2.0, seed=i) for i in range(6)])

    assert len({tuple(tokens) for tokens in got.values()}) == 6


def test_the_first_decode_after_a_join_brings_the_first_token(tiny: MlxEngine) -> None:
    expected = alone(tiny, [sequence("a", words(1, 9)), sequence("b", words(2, 9))])
    tiny.add(sequence("a", words(1, 9)))
    tiny.prefill("a", 64)
    first = tiny.decode()
    tiny.add(sequence("b", words(2, 9)))
    tiny.prefill("b", 64)
    second, third = tiny.decode(), tiny.decode()

    assert first == [Sampled("a", expected["a"][0])]
    assert second == [Sampled("b", expected["b"][0])]
    assert third == [Sampled("a", expected["a"][1])]


def test_a_full_sequence_gets_nothing_more(tiny: MlxEngine) -> None:
    tiny.add(sequence("a", words(1, 9), max_tokens=2))
    tiny.prefill("a", 64)
    steps = [[sampled.sequence_id for sampled in tiny.decode()] for _ in range(4)]

    assert steps == [["a"], [], ["a"], []]


def test_an_empty_engine_decodes_nothing_and_forgets_unknown_sequences(tiny: MlxEngine) -> None:
    tiny.remove("nobody")

    assert tiny.decode() == []


def test_an_id_comes_back_after_it_was_removed(tiny: MlxEngine) -> None:
    expected = alone(tiny, [sequence("a", words(2, 9))])
    tiny.add(sequence("a", words(1, 9)))
    tiny.prefill("a", 64)
    tiny.decode()
    tiny.remove("a")

    assert run(tiny, [sequence("a", words(2, 9))]) == expected


def test_an_id_that_is_in_the_engine_is_refused(tiny: MlxEngine) -> None:
    tiny.add(sequence("a", words(1, 9)))

    with pytest.raises(ValueError, match="a is in the engine already"):
        tiny.add(sequence("a", words(1, 9)))
