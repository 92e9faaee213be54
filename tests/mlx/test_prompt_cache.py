"""The prompt cache in the engine: what comes back is what would have been computed, and nobody else's."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.mlx.driving import alone, run, sequence, words
from tests.mlx.tiny_recurrent import LFM2, MAMBA, write_tiny_recurrent
from tests.support.tiny_llama import POISON, write_tiny_llama
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

ROOMY = 10**8
SYSTEM = words(1, 300)
WINDOWED: dict[str, Any] = {
    "layers": 3,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    "sliding_window": 16,
}
MODELS: dict[str, Callable[[Path], Path]] = {
    "plain": write_tiny_llama,
    "windows": lambda folder: write_tiny_llama(folder, **WINDOWED),
    "recurrent": lambda folder: write_tiny_recurrent(folder, MAMBA),
    "mixed": lambda folder: write_tiny_recurrent(folder, LFM2),
}

Engines = Callable[..., MlxEngine]


@pytest.fixture(params=MODELS)
def engines(request: pytest.FixtureRequest, tmp_path: Path) -> Engines:
    """Makes engines over one model of each kind."""
    folder = MODELS[request.param](tmp_path / "model")
    return lambda cache_bytes=ROOMY: MlxEngine(folder, device="cpu", cache_bytes=cache_bytes)


@pytest.fixture
def cached(tmp_path: Path) -> MlxEngine:
    """An engine over a plain model."""
    return MlxEngine(write_tiny_llama(tmp_path / "plain"), device="cpu", cache_bytes=ROOMY)


@pytest.fixture
def poisoned(tmp_path: Path) -> MlxEngine:
    folder = write_tiny_llama(tmp_path / "poisoned", poisoned=True)
    return MlxEngine(folder, device="cpu", cache_bytes=ROOMY)


def again(one: Sequence) -> Sequence:
    """As it was before it ran."""
    return Sequence(one.id, one.prompt, one.sampling, salt=one.salt, boundaries=one.boundaries)


def usage(sequences: Iterable[Sequence]) -> list[tuple[int, int]]:
    """Tokens read and written by each."""
    return [(one.cache_read_tokens, one.cache_written_tokens) for one in sequences]


def conversations() -> list[Sequence]:
    """Beginnings of one system prompt, with different questions, warm and greedy."""
    asked = [
        sequence(f"s{i}", SYSTEM[: 40 + 50 * i] + words(i, 7 * i + 3), temperature=i % 2, seed=i) for i in range(6)
    ]
    for one in asked:
        one.boundaries = (40,)
    return asked


def test_tokens_are_the_same_with_the_cache_as_without(engines: Engines) -> None:
    expected = alone(engines(cache_bytes=0), conversations())
    engine = engines()
    first, second = conversations(), conversations()

    assert (run(engine, first), run(engine, second)) == (expected, expected)
    assert usage(second) == [(len(one.prompt) - 1, 0) for one in second]
    assert sum(one.cache_read_tokens for one in first) >= 5 * 40


def test_the_next_turn_computes_only_what_is_new(engines: Engines) -> None:
    engine, plain = engines(), engines(cache_bytes=0)
    answers = run(engine, conversations(), joins={"s1": 2, "s4": 5})
    prompts = {one.id: one.prompt + tuple(answers[one.id]) for one in conversations()}
    turns = [sequence(name, prompt + words(9, 5)) for name, prompt in prompts.items()]
    expected = alone(plain, [again(one) for one in turns])

    assert run(engine, turns) == expected
    # All of the answer but its last token, which nothing was computed from.
    assert [one.cache_read_tokens for one in turns] == [len(prompt) - 1 for prompt in prompts.values()]


def test_an_answer_cut_short_is_of_use_too(engines: Engines) -> None:
    engine = engines()
    one = sequence("a", SYSTEM, max_tokens=100)
    got = run(engine, [one], leaves={"a": 20})["a"]
    engine.decode()
    retried = sequence("b", [*SYSTEM, *got, 11])
    expected = alone(engines(cache_bytes=0), [again(retried)])

    assert run(engine, [retried]) == expected
    assert retried.cache_read_tokens == len(SYSTEM) + len(got)


def test_a_cancelled_prefill_keeps_what_it_computed(engines: Engines) -> None:
    engine = engines()
    expected = alone(engines(cache_bytes=0), [sequence("a", SYSTEM)])
    engine.add(sequence("a", SYSTEM))
    engine.prefill("a", 200)
    engine.decode()
    engine.remove("a")
    retried = sequence("a", SYSTEM)

    assert engine.add(again(retried)) == 200
    engine.remove("a")
    assert run(engine, [retried]) == expected
    assert usage([retried]) == [(200, len(SYSTEM) - 201)]


def test_prompts_that_wait_together_share_what_the_first_computes(cached: MlxEngine) -> None:
    together = [sequence(f"s{i}", SYSTEM + words(i, 9)) for i in range(3)]
    found = [cached.add(one) for one in together]
    left = [cached.prefill(one.id, 512) for one in together]
    cached.decode()

    assert (found, left) == ([0, 0, 0], [0, 0, 0])
    assert usage(together) == [(0, 308), (300, 8), (300, 8)]


def test_a_resumed_sequence_uses_it_and_counts_its_prompt_alone(cached: MlxEngine) -> None:
    whole = run(cached, [sequence("a", SYSTEM, max_tokens=12)])
    resumed = sequence("b", SYSTEM, output=whole["a"][:8], max_tokens=12)
    got = run(cached, [resumed])

    assert got == {"b": whole["a"][8:]}
    assert usage([resumed]) == [(len(SYSTEM) - 1, 0)]


def test_tenants_do_not_share(cached: MlxEngine) -> None:
    run(cached, [sequence("a", SYSTEM)])
    other = sequence("b", SYSTEM)
    other.salt = "somebody else"
    run(cached, [other])

    assert usage([other]) == [(0, len(SYSTEM) - 1)]


def test_without_a_budget_nothing_is_held(engines: Engines) -> None:
    engine = engines(cache_bytes=0)
    run(engine, conversations())
    second = conversations()
    run(engine, second)

    assert usage(second) == [(0, 0)] * 6
    assert engine.cache_bytes == 0


def test_a_small_budget_is_kept_and_only_costs_time(engines: Engines) -> None:
    expected = alone(engines(cache_bytes=0), conversations())
    engine = engines(cache_bytes=60_000)
    got = [run(engine, conversations()) for _ in range(2)]

    assert got == [expected, expected]
    assert 0 < engine.cache_bytes <= 60_000


def test_what_is_written_is_what_is_kept(cached: MlxEngine) -> None:
    cached._prompt_cache._tree.budget_bytes = 100_000
    first, second = (sequence(name, words(1, 900)) for name in "ab")
    run(cached, [first], chunk=128)
    run(cached, [second], chunk=128)

    assert usage([first]) == [(0, second.cache_read_tokens)]
    assert 0 < second.cache_read_tokens < 900


@pytest.mark.parametrize("place", [0, 150, 299])
def test_a_poison_prompt_leaves_nothing_behind(poisoned: MlxEngine, place: int) -> None:
    bad = [*SYSTEM]
    bad[place] = POISON
    got = run(poisoned, [sequence("bad", bad)], chunk=64)

    assert got == {"bad": [-1]}
    assert (poisoned.cache_bytes, poisoned.add(sequence("next", bad))) == (0, 0)


def test_a_sequence_that_fails_takes_back_what_it_brought(cached: MlxEngine) -> None:
    run(cached, [sequence("good", SYSTEM[:200])])
    before = cached.cache_bytes
    cached.add(sequence("bad", SYSTEM))
    cached.prefill("bad", 512)
    cached.decode()
    cached.remove("bad", keep=False)
    cached.decode()

    # The good one's tail was cut off where the bad one left it, which costs no byte.
    assert cached.cache_bytes == before
    assert cached.add(sequence("next", SYSTEM)) == 200


def test_an_empty_engine_holds_no_batch(cached: MlxEngine) -> None:
    run(cached, conversations())

    assert cached.kv_bytes == 0


def test_small_chunks_are_kept_in_large_pieces(cached: MlxEngine) -> None:
    run(cached, [sequence("a", words(1, 700), max_tokens=1)], chunk=16)
    ends = sorted(node.end for node in cached._prompt_cache._tree)

    assert ends == [256, 512, 700]


def test_a_prefix_too_short_to_be_worth_finding_is_computed_again(tmp_path: Path) -> None:
    engine = MlxEngine(write_tiny_llama(tmp_path / "plain"), device="cpu", cache_bytes=ROOMY)
    engine._prompt_cache.least = 40
    run(engine, [sequence("first", SYSTEM[:60])])
    short, long = sequence("short", [*SYSTEM[:30], *words(2, 30)]), sequence("long", [*SYSTEM[:50], *words(3, 30)])
    expected = alone(MlxEngine(write_tiny_llama(tmp_path / "again"), device="cpu"), [again(short), again(long)])

    assert run(engine, [short, long]) == expected
    assert usage([short, long]) == [(0, 29), (50, 29)]


def test_a_prompt_too_short_to_be_found_is_kept_with_its_answer(cached: MlxEngine) -> None:
    cached._prompt_cache.least = 40
    first = sequence("first", SYSTEM[:30], max_tokens=20)
    answer = run(cached, [first])["first"]
    talk = sequence("talk", [*SYSTEM[:30], *answer, *words(2, 10)])
    run(cached, [talk])

    assert usage([first, talk]) == [(0, 0), (49, 10)]
