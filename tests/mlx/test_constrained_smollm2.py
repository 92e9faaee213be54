"""SmolLM2 at temperature 1 under grammars: what it is made to write is valid, and nobody beside it notices."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from models.conversation import Tool
from models.grammar import AnswerForm, answer_grammar
from models.prompt import Markup
from models.syntax import AnswerSyntax
from models.tokenizer import Tokenizer
from queue_config.request import AnswerPlan, GenerationRequest, SamplingParams
from tests.mlx.driving import run
from tests.support.schemas import SCHEMAS
from workers.constraint_factory import ConstraintFactory
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

MAX_TOKENS = 80
FEW_TOKENS = 24
MADE_UP = ("weather", "union", "dates", "scores")
CALLED = ("order", "tree", "few", "union")


class _Model:
    def __init__(self, folder: Path) -> None:
        self.tokenizer = Tokenizer.load(folder)
        self._factory = ConstraintFactory.load(folder, self.tokenizer, None)

    def sequence(self, name: str, question: str, form: AnswerForm, seed: int, max_tokens: int = MAX_TOKENS) -> Sequence:
        grammar = answer_grammar(AnswerSyntax(), self.tokenizer.special, form)
        before, after = Markup("<|im_start|>user\n"), Markup("<|im_end|>\n<|im_start|>assistant\n")
        prompt = tuple(self.tokenizer.encode([before, question, after]))
        sampling = SamplingParams(max_tokens=max_tokens, temperature=1.0, seed=seed)
        request = GenerationRequest(
            id=name, model="m", prompt=prompt, sampling=sampling, created_at=0, deadline_at=0,
            answer=AnswerPlan(grammar=grammar),
        )  # fmt: skip
        return Sequence(name, prompt, sampling, constraint=self._factory.constraint_for(request))

    def text(self, tokens: list[int]) -> str:
        """Up to the token that ended it; the driver goes on beyond."""
        ends = [place for place, token in enumerate(tokens) if token in self.tokenizer.eos_ids]
        return self.tokenizer.decode(tokens[: ends[0]] if ends else tokens)


@pytest.fixture(scope="module")
def model(smollm2_dir: Path) -> _Model:
    return _Model(smollm2_dir)


def _free(model: _Model) -> list[Sequence]:
    return [model.sequence(f"free{i}", "Tell me about lists: [1, 2].", AnswerForm(), i, FEW_TOKENS) for i in range(3)]


def _check(name: str, text: str) -> None:
    jsonschema_rs.validator_for(SCHEMAS[name], validate_formats=True).validate(json.loads(text))


def test_forced_calls_and_structured_outputs_fit_and_free_rows_beside_them_are_as_ever(
    model: _Model, smollm2: MlxEngine
) -> None:
    structured = [
        model.sequence(f"json {name}", f"Make up a {name} as JSON.", AnswerForm(schema=SCHEMAS[name]), i)
        for i, name in enumerate(MADE_UP)
    ]
    tools = tuple(Tool(name, "", schema) for name, schema in SCHEMAS.items())
    forms = [AnswerForm(tools=tools, choice="tool", tool_name=name, parallel=False) for name in CALLED]
    calls = [
        model.sequence(f"call {name}", f"Call {name}.", form, 50 + i)
        for i, (name, form) in enumerate(zip(CALLED, forms, strict=True))
    ]
    undisturbed = run(smollm2, _free(model))

    got = run(smollm2, [*structured, *_free(model), *calls], joins={"free1": 5, "json union": 3, "call few": 7})

    assert {name: got[name] for name in undisturbed} == undisturbed
    for name in MADE_UP:
        _check(name, model.text(got[f"json {name}"]))
    for name in CALLED:
        opening, body, closing = model.text(got[f"call {name}"]).split("\n")
        call = json.loads(body)
        assert (opening, call["name"], closing) == ("<tool_call>", name, "</tool_call>")
        _check(name, json.dumps(call["arguments"]))


def test_a_constrained_answer_is_the_same_alone_and_resumed(model: _Model, smollm2: MlxEngine) -> None:
    def one() -> Sequence:
        return model.sequence("one", "Make up an order.", AnswerForm(schema=SCHEMAS["order"]), 9, FEW_TOKENS)

    whole = run(smollm2, [one()])["one"]
    beside = run(smollm2, [*_free(model), one()], joins={"one": 4})["one"]
    resumed = one()
    resumed.output = whole[:11]

    assert beside == whole
    assert run(smollm2, [resumed])["one"] == whole[11:]
