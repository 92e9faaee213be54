"""A prompt may be processed in any pieces, given up half-way, or be long."""

import pytest

from tests.mlx.driving import alone, run, sequence, words
from workers.mlx_engine.engine import MlxEngine

PROMPT = words(5, 300)


@pytest.mark.parametrize("chunk", [1, 7, 128, 129, 299, 300])
def test_the_size_of_the_chunks_does_not_matter(tiny: MlxEngine, chunk: int) -> None:
    expected = run(tiny, [sequence("a", PROMPT)], chunk=1000)

    got = run(tiny, [sequence("a", PROMPT)], chunk=chunk)

    assert got == expected


def test_prefill_says_how_many_tokens_are_left(tiny: MlxEngine) -> None:
    tiny.add(sequence("a", PROMPT[:10], output=PROMPT[10:12]))
    left = [tiny.prefill("a", 5) for _ in range(3)]

    assert left == [7, 2, 0]


def test_prefill_between_steps_leaves_the_running_ones_alone(tiny: MlxEngine) -> None:
    expected = alone(tiny, [sequence("a", words(1, 9), max_tokens=30), sequence("b", PROMPT)])
    tiny.add(sequence("a", words(1, 9), max_tokens=30))
    tiny.prefill("a", 64)
    tiny.add(sequence("b", PROMPT))
    got: dict[str, list[int]] = {"a": [], "b": []}
    left = len(PROMPT)
    while len(got["a"]) < 30:
        left = left and tiny.prefill("b", 20)
        for sampled in tiny.decode():
            got[sampled.sequence_id].append(sampled.token)

    assert got == expected


def test_a_sequence_removed_while_it_prefills_is_gone(tiny: MlxEngine) -> None:
    tiny.add(sequence("a", PROMPT))
    tiny.prefill("a", 100)
    tiny.remove("a")

    assert (tiny.decode(), tiny.kv_bytes) == ([], 0)
    with pytest.raises(KeyError):
        tiny.prefill("a", 100)


def test_a_sequence_without_tokens_is_refused(tiny: MlxEngine) -> None:
    with pytest.raises(ValueError, match="at least one token"):
        tiny.add(sequence("a", ()))


def test_a_chunk_of_nothing_is_refused(tiny: MlxEngine) -> None:
    tiny.add(sequence("a", PROMPT))

    with pytest.raises(ValueError, match="no progress"):
        tiny.prefill("a", 0)
