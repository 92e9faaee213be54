"""A draft model changes when the tokens of a lone answer come, and never which; nothing of it runs beside others."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.mlx.driving import run, sequence, words
from tests.support.constraints import Ruled
from tests.support.tiny_llama import VOCABULARY, write_tiny_llama
from workers.draft_length import PassTimes
from workers.engine import Need
from workers.mlx_engine.draft_model import DraftSource
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.few_shapes import FewShapes
from workers.sequence import Sequence

QUICK = PassTimes({0: 1.0, 1: 1.05, 3: 1.1, 7: 1.2, 15: 1.4}, guess=0.05, chunk=16, chunk_s=1.0)
"""As if the draft model were a small one; those here are as large as the model, or larger."""
PROMPT = words(1, 40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture(scope="module")
def wrong(folder: Path) -> Path:
    """Guesses the token behind the right one, and knows a hundred more, which it likes best of all."""
    other = write_tiny_llama(folder.with_name("wrong"), vocab_size=VOCABULARY + 100)
    weights = load_file(other / "model.safetensors")
    for name in ("lm_head.weight", "model.embed_tokens.weight"):
        weights[name] = np.concatenate([np.roll(weights[name], 1, axis=0), 9 * weights[name][:100]])
    save_file(weights, other / "model.safetensors", metadata={"format": "mlx"})
    return other


@pytest.fixture(scope="module")
def plain(folder: Path) -> MlxEngine:
    return MlxEngine(folder, device="cpu")


@pytest.fixture(scope="module")
def guided(folder: Path) -> MlxEngine:
    return MlxEngine(folder, device="cpu", speculate=DraftSource(folder, QUICK))


@pytest.fixture(scope="module")
def in_few_shapes(folder: Path) -> MlxEngine:
    """Guided too, by a draft model that attends as one does on CUDA."""
    engine = MlxEngine(folder, device="cpu", speculate=DraftSource(folder, QUICK))
    assert engine._drafts is not None
    engine._drafts.draft = replace(engine._drafts.draft, several=FewShapes())
    return engine


@pytest.fixture
def misled(folder: Path, wrong: Path) -> MlxEngine:
    return MlxEngine(folder, device="cpu", speculate=DraftSource(wrong, QUICK))


class Steps:
    """Notes how many tokens each of an engine's steps brought, and whether the draft model had a part in it."""

    def __init__(self, engine: MlxEngine) -> None:
        self._engine = engine
        self.tokens: list[int] = []
        self.drafted: list[bool] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def decode(self) -> Any:
        sampled = self._engine.decode()
        self.tokens.append(len(sampled))
        self.drafted.append(self._engine.aside_s > 0)
        return sampled


def answer(engine: Any, one: Sequence) -> list[int]:
    (tokens,) = run(engine, [one]).values()
    return tokens


def even(output: list[int]) -> list[int] | None:
    return list(range(0, 500, 2)) if len(output) % 3 else None


SETTINGS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.3, "seed": 5},
    {"temperature": 0.6, "top_p": 0.8, "seed": 6},
    {"temperature": 0.5, "top_k": 3, "seed": 7},
    {"temperature": 0.0, "presence_penalty": 0.5},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", ["guided", "in_few_shapes", "misled"])
def test_a_draft_model_changes_no_token(
    request: pytest.FixtureRequest, plain: MlxEngine, name: str, settings: dict[str, Any]
) -> None:
    def answers(engine: MlxEngine) -> list[list[int]]:
        free = [sequence("a", PROMPT, max_tokens=tokens, **settings) for tokens in (40, 1, 2, 5)]
        held = sequence("a", PROMPT, max_tokens=40, **settings)
        held.constraint = Ruled(even, VOCABULARY)
        return [answer(engine, one) for one in (*free, held)]

    assert answers(request.getfixturevalue(name)) == answers(plain)


@pytest.mark.parametrize("name", ["guided", "in_few_shapes"])
def test_right_guesses_bring_many_tokens_a_step(request: pytest.FixtureRequest, name: str) -> None:
    steps = Steps(request.getfixturevalue(name))
    answer(steps, sequence("a", PROMPT, max_tokens=100))

    assert sum(steps.tokens) == 100
    assert len(steps.tokens) < 30


def test_after_wrong_guesses_the_draft_model_rests(misled: MlxEngine) -> None:
    steps = Steps(misled)
    answer(steps, sequence("a", PROMPT, max_tokens=120))

    assert 3 < sum(steps.drafted) < 30


def test_a_text_is_read_a_chunk_a_step_while_tokens_go_on_coming(guided: MlxEngine) -> None:
    steps = Steps(guided)
    answer(steps, sequence("a", words(2, 200), max_tokens=60))

    reading = 200 // QUICK.chunk
    assert steps.tokens[:reading] == [1, 0] + [1] * (reading - 2)
    assert all(steps.drafted[2:reading])
    assert max(steps.tokens) > 8


def test_a_text_too_long_for_the_little_that_may_come_is_not_read(guided: MlxEngine) -> None:
    steps = Steps(guided)
    answer(steps, sequence("a", words(3, 400), max_tokens=20))

    assert not any(steps.drafted)


def test_company_stops_it_and_gets_its_memory(plain: MlxEngine, guided: MlxEngine) -> None:
    crowd = [sequence(f"{number}", words(number, 9 + number), max_tokens=110) for number in range(3)]
    joins, leaves = {"1": 4, "2": 6}, {"1": 10, "2": 14}
    steps = Steps(guided)
    together = run(steps, crowd, joins=joins, leaves=leaves)

    for one in crowd:
        tokens = len(together[one.id])
        assert together[one.id] == answer(plain, sequence(one.id, one.prompt, max_tokens=tokens))
    assert len(together["0"]) == 110
    assert any(steps.drafted[:4])
    assert not any(steps.drafted[4:14])
    assert any(steps.drafted[14:])


def test_it_gives_way_before_another_prompt_takes_memory(guided: MlxEngine) -> None:
    first, second = sequence("a", words(4, 40), max_tokens=200), sequence("b", words(5, 100), max_tokens=9)
    guided.add(first)
    while guided.prefill("a", 64):
        pass
    for _ in range(8):
        first.output += [sampled.token for sampled in guided.decode()]
    held = guided.kv_bytes
    guided.add(second)
    guided.prefill("b", 16)

    assert guided.kv_bytes < held
    guided.decode()
    assert guided.aside_s == 0
    guided.remove("a")
    guided.remove("b")


def test_an_answer_that_is_canceled_or_resumed_goes_on_as_it_would_have(plain: MlxEngine, guided: MlxEngine) -> None:
    whole = answer(plain, sequence("a", PROMPT, max_tokens=60, temperature=0.4, seed=3))
    cut = run(guided, [sequence("a", PROMPT, max_tokens=60, temperature=0.4, seed=3)], leaves={"a": 9})["a"]
    rest = answer(guided, sequence("b", PROMPT, cut, max_tokens=60, temperature=0.4, seed=3))

    assert 9 < len(cut) < 60
    assert cut + rest == whole


def test_the_next_turn_of_a_conversation_is_not_read_again(guided: MlxEngine) -> None:
    first = answer(guided, sequence("a", words(6, 160), max_tokens=40))
    follow_up = sequence("b", (*words(6, 160), *first, *words(7, 9)), max_tokens=40)
    steps = Steps(guided)
    answer(steps, follow_up)

    assert max(steps.tokens[:5]) > 1


def test_what_a_tenant_said_saves_another_no_time(guided: MlxEngine) -> None:
    prompt = words(8, 160)
    answer(guided, replace(sequence("a", prompt, max_tokens=40), salt="one"))
    steps = Steps(guided)
    answer(steps, replace(sequence("b", prompt, max_tokens=40), salt="two"))

    assert max(steps.tokens[:8]) == 1


def test_its_weights_are_counted(plain: MlxEngine, guided: MlxEngine) -> None:
    assert guided.usage.weights_bytes == 2 * plain.usage.weights_bytes


def test_where_the_row_leaves_no_memory_nothing_is_drafted(folder: Path, plain: MlxEngine) -> None:
    one = sequence("a", PROMPT, max_tokens=30)
    need = Need(len(PROMPT) + 30, 0)
    tight = MlxEngine(folder, "cpu", kv_bytes=plain.kv.bytes_for([need]) + 1000, speculate=DraftSource(folder, QUICK))
    steps = Steps(tight)

    assert answer(steps, one) == answer(plain, sequence("a", PROMPT, max_tokens=30))
    assert not any(steps.drafted)


SLOW = replace(QUICK, guess=0.9)


@pytest.mark.parametrize(
    ("config", "more", "why"),
    [
        ({"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 16}, {}, "taken back"),
        ({}, {"times": SLOW}, "too long to gain anything"),
        ({}, {"kv_bytes": 10**15}, "too little memory"),
        ({"model_type": "unheard-of"}, {}, "unheard-of not supported"),
    ],
    ids=["windows", "slow", "large", "unknown"],
)
def test_a_draft_model_of_no_use_is_refused_and_the_model_serves_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, config: dict[str, Any], more: dict[str, Any], why: str
) -> None:
    folder, draft = write_tiny_llama(tmp_path / "model"), write_tiny_llama(tmp_path / "draft", **config)
    source = DraftSource(draft, more.get("times", QUICK))
    with caplog.at_level(logging.ERROR):
        engine = MlxEngine(folder, "cpu", kv_bytes=more.get("kv_bytes", 0), speculate=source)

    assert "draft can't be the draft model" in caplog.text
    assert why in caplog.text
    assert len(answer(engine, sequence("a", PROMPT, max_tokens=5))) == 5


def test_passes_are_measured_where_nobody_says_what_they_take(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        MlxEngine(folder, "cpu", speculate=DraftSource(folder))

    assert "a step takes" in caplog.text
