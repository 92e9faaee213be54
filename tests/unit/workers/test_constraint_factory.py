"""Each request gets the constraint that its plan asks for, over its model's own tokens."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.grammar import AnswerForm, answer_grammar
from models.syntax import AnswerSyntax, ThinkSyntax
from models.tokenizer import Tokenizer
from queue_config.request import AnswerPlan, GenerationRequest, SamplingParams
from tests.unit.models.small_tokenizers import KINDS, save
from workers.constraint import Constraint
from workers.constraint_factory import ConstraintFactory
from workers.constraint_vocabulary import build

TEXTS = ("the quick brown fox", 'f(x):\n    return {"a": [1, 2]}', "größer 漢字 😀", "a  b   c")


@pytest.fixture(scope="module", params=list(KINDS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    save(request.param, folder)
    return folder


@pytest.fixture
def tokenizer(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.load(folder)
    # Instead of the letters that this folder calls ends, which texts would miss.
    ends = frozenset(tokenizer.special[name] for name in ("</s>", "<|end|>"))
    return replace(tokenizer, eos_ids=ends)


@pytest.fixture
def factory(folder: Path, tokenizer: Tokenizer) -> ConstraintFactory:
    return ConstraintFactory.load(folder, tokenizer, ThinkSyntax(opening="<think>", closing="</think>"))


def _request(max_tokens: int = 200, **plan: object) -> GenerationRequest:
    return GenerationRequest(
        id="msg", model="m", prompt=(1,), sampling=SamplingParams(max_tokens=max_tokens), created_at=0, deadline_at=1,
        answer=AnswerPlan(**plan),  # type: ignore[arg-type]
    )  # fmt: skip


def _allowed(constraint: Constraint | None) -> set[int]:
    assert constraint is not None
    mask = constraint.allowed()
    assert mask is not None
    return {int(token) for token in np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))}


def _id(tokenizer: Tokenizer, token: str) -> int:
    found: int | None = tokenizer.backend.token_to_id(token)
    assert found is not None
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_spell_the_text_that_they_encode(folder: Path, tokenizer: Tokenizer, text: str) -> None:
    vocabulary = build(tokenizer, (folder / "tokenizer.json").read_text())

    spelled = b"".join(vocabulary.spelled[token] for token in tokenizer.encode_text(text))

    # Some tokenizers put a space in front of a text.
    assert spelled.decode().removeprefix(" ") == text
    assert len(vocabulary.spelled) == tokenizer.vocab_size


def test_a_request_that_asks_for_nothing_has_no_constraint(factory: ConstraintFactory) -> None:
    assert factory.constraint_for(_request()) is None
    assert factory.constraint_for(_request(thinking=True)) is None
    assert factory.constraint_for(_request(thinking_budget=5)) is None


@pytest.mark.parametrize("text", TEXTS)
def test_a_grammar_leads_along_the_tokens_of_its_text(
    factory: ConstraintFactory, tokenizer: Tokenizer, text: str
) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    constraint = factory.constraint_for(_request(grammar=f'start: " "? "{quoted}"\n'))
    assert constraint is not None
    for token in tokenizer.encode_text(text):
        assert token in _allowed(constraint)
        constraint.push(token)

    assert _allowed(constraint) == tokenizer.eos_ids


def test_two_requests_of_one_grammar_go_their_own_ways(factory: ConstraintFactory, tokenizer: Tokenizer) -> None:
    one, other = (factory.constraint_for(_request(grammar='start: "x" "y"\n')) for _ in range(2))
    assert one is not None
    one.push(_id(tokenizer, "x"))

    assert (_allowed(one), _allowed(other)) == ({_id(tokenizer, "y")}, {_id(tokenizer, "x")})


def test_a_grammar_that_can_not_be_compiled_raises(factory: ConstraintFactory) -> None:
    with pytest.raises(ValueError, match="unknown name"):
        factory.constraint_for(_request(grammar="start: nothing\n"))


def _thoughts_after(factory: ConstraintFactory, tokenizer: Tokenizer, request: GenerationRequest) -> str:
    """What a model that only ever thinks comes to say."""
    constraint = factory.constraint_for(request)
    assert constraint is not None
    constraint.restart([])
    letter = _id(tokenizer, "z")
    # From the middle of a text, where no tokenizer puts a space.
    tokens = tokenizer.encode_text(".<think>\n")[len(tokenizer.encode_text(".")) :]
    for token in tokens:
        constraint.push(token)
    while len(tokens) < request.sampling.max_tokens and not tokenizer.eos_ids & set(tokens):
        mask = constraint.allowed()
        allowed = {letter} if mask is None else _allowed(constraint)
        tokens.append(letter if letter in allowed else min(allowed))
        constraint.push(tokens[-1])
    return tokenizer.decode(tokens)


def test_a_thinking_budget_ends_thinking_in_the_familys_words(factory: ConstraintFactory, tokenizer: Tokenizer) -> None:
    said = _thoughts_after(factory, tokenizer, _request(60, thinking=True, thinking_budget=20))

    thoughts, answer = said.split("\n</think>\n\n")
    assert (set(thoughts.removeprefix("<think>\n")), set(answer)) == ({"z"}, {"z"})


def test_thinking_before_forced_json_leaves_room_for_it(factory: ConstraintFactory, tokenizer: Tokenizer) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1]}}, "required": ["a"]}
    form = AnswerForm(schema=schema, thinking=True)
    grammar = answer_grammar(AnswerSyntax(think=ThinkSyntax()), tokenizer.special, form)

    said = _thoughts_after(factory, tokenizer, _request(300, grammar=grammar, thinking=True))

    assert said.endswith('z\n</think>\n\n{"a": 1}')
