"""Plans of answers: wishes in the terms of a model, or a 400 for what it can't be made to do."""

from typing import Any

import pytest

from api.answer_plans import AnswerPlans
from api.wire.wish import AnswerWish
from models.conversation import Conversation, Tool
from models.syntax import AnswerSyntax, CallSyntax, ThinkSyntax
from queue_config.errors import InvalidRequest
from queue_config.request import AnswerPlan

LS = Tool("ls", "Lists.", {"type": "object", "properties": {"path": {"type": "string"}}})
RM = Tool("rm", "Removes.", {"type": "object"})
THINKER = AnswerPlans(AnswerSyntax(think=ThinkSyntax()), {})
TALKER = AnswerPlans(AnswerSyntax(), {})
UNFORCIBLE = AnswerPlans(AnswerSyntax(calls=CallSyntax(body="other", parser="own")), {})


def plan(*tools: Tool, of: AnswerPlans = TALKER, thinking: bool = False, **wish: Any) -> AnswerPlan:
    return of.make(Conversation("", (), tools, thinking), AnswerWish(**wish))


def test_an_answer_of_which_nothing_is_wished_is_free() -> None:
    assert plan() == AnswerPlan()


def test_only_models_that_can_think_are_made_to() -> None:
    assert plan(thinking=True, thinking_budget=2000) == AnswerPlan()
    assert plan(of=THINKER, thinking=True, thinking_budget=2000) == AnswerPlan(thinking=True, thinking_budget=2000)
    assert plan(of=THINKER, thinking_budget=2000) == AnswerPlan()


@pytest.mark.parametrize(
    ("wish", "tools", "max_calls"),
    [
        ({}, ("ls", "rm"), 0),
        ({"parallel": False}, ("ls", "rm"), 1),
        ({"tool_choice": "any"}, ("ls", "rm"), 0),
        ({"tool_choice": "tool", "tool_name": "rm"}, ("ls", "rm"), 0),
        ({"tool_choice": "none"}, (), 0),
        ({"loaded_tools": (Tool("cp", "", {"type": "object"}),)}, ("ls", "rm", "cp"), 0),
        ({"removed_tools": frozenset({"ls"})}, ("rm",), 0),
    ],
)
def test_a_plan_names_the_tools_that_may_be_called(
    wish: dict[str, Any], tools: tuple[str, ...], max_calls: int
) -> None:
    made = plan(LS, RM, **wish)

    assert (made.tools, made.max_calls) == (tools, max_calls)


def test_every_wish_has_a_grammar_of_its_own_that_is_written_once() -> None:
    wishes: list[dict[str, Any]] = [
        {},
        {"tool_choice": "any"},
        {"tool_choice": "tool", "tool_name": "ls"},
        {"tool_choice": "any", "parallel": False},
        {"schema": {"type": "object"}},
        {"removed_tools": frozenset({"ls"})},
    ]
    grammars = [plan(LS, RM, **wish).grammar for wish in wishes]

    assert len(set(grammars)) == len(grammars)
    assert [plan(LS, RM, **wish).grammar for wish in wishes] == grammars


@pytest.mark.parametrize(
    ("tools", "of", "wish", "words"),
    [
        ([LS], UNFORCIBLE, {"tool_choice": "any"}, "tool_choice: this model writes its tool calls in a form"),
        (
            [LS],
            TALKER,
            {"tool_choice": "tool", "tool_name": "hidden"},
            "tool_choice: Tool 'hidden' can't be called at this point of the conversation",
        ),
        (
            [LS],
            TALKER,
            {"tool_choice": "any", "removed_tools": frozenset({"ls"})},
            "tool_choice: no tool can be called at this point of the conversation",
        ),
        (
            [Tool("odd", "", {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}, strict=True)],
            TALKER,
            {},
            "tools: input_schema of 'odd': ",
        ),
        ([], TALKER, {"schema": {"$ref": "#/$defs/b"}}, "output_config.format.schema: "),
        ([], TALKER, {"schema": {"$ref": "#/$defs/b"}, "schema_field": "response_format"}, "response_format: "),
    ],
)
def test_what_the_model_cannot_be_made_to_do_is_the_callers_mistake(
    tools: list[Tool], of: AnswerPlans, wish: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        plan(*tools, of=of, **wish)

    assert str(refused.value).startswith(words)
