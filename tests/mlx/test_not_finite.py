"""A row that computes a NaN gets an error of its own; nobody else notices."""

from tests.mlx.driving import alone, run, sequence, words
from tests.support.tiny_llama import POISON
from workers.engine import Sampled
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

NAN = "the model computed a NaN or an infinity"


def _neighbours() -> list[Sequence]:
    return [
        sequence("greedy", words(1, 30)),
        sequence("warm", words(2, 12), temperature=1.0, seed=1),
        sequence("narrow", words(3, 50), temperature=1.0, top_p=0.9, seed=2),
    ]


def test_a_poison_prompt_is_reported_once_and_alone(poisoned: MlxEngine) -> None:
    poisoned.add(sequence("good", words(1, 9)))
    poisoned.prefill("good", 64)
    poisoned.add(sequence("bad", (*words(2, 9), POISON)))
    poisoned.prefill("bad", 64)
    steps = [[s for s in poisoned.decode() if s.sequence_id == "bad"] for _ in range(3)]

    assert steps == [[Sampled("bad", 0, NAN)], [], []]


def test_neighbours_of_a_poison_prompt_get_the_tokens_they_get_alone(poisoned: MlxEngine) -> None:
    expected = alone(poisoned, _neighbours())
    bad = sequence("bad", (POISON, *words(4, 20)), temperature=1.0)

    got = run(poisoned, [*_neighbours(), bad], joins={"bad": 4})

    assert got == expected | {"bad": [-1]}


def test_what_a_poison_prompt_leaves_in_its_row_does_not_reach_the_next_one_there(poisoned: MlxEngine) -> None:
    expected = alone(poisoned, _neighbours())
    bad = sequence("bad", (POISON, *words(4, 90)))

    got = run(poisoned, [bad, *_neighbours()], joins={"greedy": 1, "warm": 0, "narrow": 3})

    assert got == expected | {"bad": [-1]}
