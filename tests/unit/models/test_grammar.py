"""Answers fit what a request asked for: calls of known tools with fitting arguments, or JSON, or neither."""

import json
from dataclasses import replace
from typing import Any

import pytest

from models.conversation import Tool
from models.grammar import AnswerForm, CallsRefused, ToolRefused, answer_grammar
from models.json_grammar import SchemaRefused, validate
from models.syntax import HERMES, AnswerSyntax, CallSyntax, ThinkSyntax
from tests.support.byte_vocabulary import MARKER, SPECIAL
from tests.support.grammar_reading import Reader

WEATHER = Tool(
    "weather",
    "",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
        "required": ["city"],
    },
)
CLOCK = Tool("clock", "", {"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"]})
TOOLS = (WEATHER, CLOCK)
PARIS, UTC = {"city": "Paris", "days": 5}, {"zone": "UTC"}

THINKS = AnswerSyntax(HERMES, ThinkSyntax())
LISTS = AnswerSyntax(CallSyntax(opening=MARKER, closing="", body="list", inside="", between=""))
NAMES = AnswerSyntax(CallSyntax(opening=MARKER, closing="", body="named", inside="", between="", separator="[ARGS]"))
BARE = AnswerSyntax(
    CallSyntax(opening="", closing="", arguments_key="parameters", inside="", between="; ", optional=MARKER)
)


def _reader(syntax: AnswerSyntax = THINKS, **form: Any) -> Reader:
    grammar = answer_grammar(syntax, SPECIAL, AnswerForm(**({"tools": TOOLS} | form)))
    validate(grammar)
    return Reader(grammar)


def _hermes(name: str, arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


CALL, OTHER_CALL = _hermes("weather", PARIS), _hermes("clock", UTC)
BAD_CALLS = (
    _hermes("unknown", {}),
    _hermes("weather", {"days": 5}),
    _hermes("weather", {"city": "Paris", "days": 8}),
    _hermes("weather", {"city": "Paris", "month": 1}),
    _hermes("clock", {"zone": "PST"}),
    _hermes("clock", {"zone": "UTC"}).replace('": "', '":  "'),
    "<tool_call>\n{}\n</tool_call>",
    "<tool_call>",
)


def test_nothing_asked_for_is_no_grammar() -> None:
    assert answer_grammar(THINKS, SPECIAL, AnswerForm()) == ""
    assert answer_grammar(THINKS, SPECIAL, AnswerForm(choice="none", thinking=True)) == ""


def test_by_default_text_and_calls_of_known_tools_with_fitting_arguments_are_free_to_come() -> None:
    reader = _reader()

    good = ["", "hello", "a < b, </tool_call>", CALL, f"I look.\n{CALL}", f"{CALL}\n{OTHER_CALL}\n{CALL}"]
    assert [reader.takes(text) for text in good] == [True] * len(good)
    assert [reader.takes(text) for text in BAD_CALLS] == [False] * len(BAD_CALLS)
    assert not reader.takes(f"{CALL} and more")


def test_a_token_that_begins_a_call_and_its_arguments_at_once_is_taken() -> None:
    # ">\n{" is one token of the vocabulary, and so is "}}".
    reader = _reader(tools=(Tool("f", "", {"type": "object"}),))

    assert reader.takes(_hermes("f", {"a": {"b": {}}}))


def test_a_marker_that_a_longer_token_continues_wrongly_is_not_taken() -> None:
    assert _reader().gets_to("hello <tool_call>x") == "hello <tool_call"


def test_one_call_at_most_where_parallel_calls_are_off() -> None:
    reader = _reader(parallel=False)

    assert (reader.takes("hello"), reader.takes(CALL), reader.must_end_after(CALL)) == (True, True, True)


@pytest.mark.parametrize("parallel", [True, False])
def test_any_is_a_call_at_once(*, parallel: bool) -> None:
    reader = _reader(choice="any", parallel=parallel)

    assert [reader.takes(text) for text in (CALL, OTHER_CALL)] == [True, True]
    assert reader.takes(f"{CALL}\n{OTHER_CALL}") == parallel
    assert [reader.gets_to(text) for text in ("hello", "", "\n" + CALL, "{")] == [""] * 4


def test_tool_is_a_call_of_that_one_alone() -> None:
    reader = _reader(choice="tool", tool_name="clock")

    assert (reader.takes(OTHER_CALL), reader.takes(CALL)) == (True, False)


def test_none_never_lets_a_call_begin() -> None:
    reader = _reader(choice="none")

    assert [reader.takes(text) for text in ("hello", "<tool", "a </tool_call>", '{"name": "weather"}')] == [True] * 4
    assert reader.gets_to(f"so: {CALL}") == "so: <tool_call"


SCHEMA = {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}, "required": ["a"]}


def test_structured_output_is_one_json_text() -> None:
    reader = _reader(tools=(), schema=SCHEMA)

    assert [reader.must_end_after(text) for text in ('{"a": 5}'[:-2] + "5}", '{"a": null}')] == [True, True]
    assert [reader.takes(text) for text in ("", "hi", '{"a": "x"}', '{"a":5}', "{}", ' {"a": 5}')] == [False] * 6


def test_structured_output_beside_tools_is_json_or_calls() -> None:
    free, without = _reader(schema=SCHEMA), _reader(schema=SCHEMA, choice="none")

    assert [free.takes(text) for text in ('{"a": 5}', CALL, "hello")] == [True, True, False]
    assert [without.takes(text) for text in ('{"a": 5}', CALL, "hello")] == [True, False, False]


THOUGHT = "<think>\nIs {a} <tool_call> due? \n</think>\n\n"


def test_thinking_comes_before_a_call_or_json_that_is_asked_for() -> None:
    call, structured = _reader(choice="any", thinking=True), _reader(schema=SCHEMA, tools=(), thinking=True)

    assert [call.takes(text) for text in (THOUGHT + CALL, CALL, THOUGHT)] == [True, False, False]
    assert [structured.takes(text) for text in (THOUGHT + '{"a": 5}', '{"a": 5}')] == [True, False]


def test_thinking_may_come_before_free_text_and_markers_in_it_begin_no_call() -> None:
    auto, none = _reader(thinking=True), _reader(choice="none", thinking=True)

    texts = ("hello", THOUGHT + "hello", THOUGHT + CALL, CALL, "x <think> y", THOUGHT + "<tool_call>")
    assert [auto.takes(text) for text in texts] == [True, True, True, True, True, False]
    assert [none.takes(text) for text in texts] == [True, True, False, False, True, False]


def test_thinking_that_the_prompt_has_opened_is_only_closed() -> None:
    reader = _reader(AnswerSyntax(HERMES, ThinkSyntax(opened=True)), choice="any", thinking=True)

    assert (reader.takes(f"Hm.\n</think>\n\n{CALL}"), reader.takes(CALL)) == (True, False)


def test_thinking_that_is_off_has_no_rule() -> None:
    assert not _reader(choice="any").takes(THOUGHT + CALL)


def _list(*calls: tuple[str, Any]) -> str:
    return MARKER + json.dumps([{"name": name, "arguments": arguments} for name, arguments in calls])


def test_lists_of_calls_behind_a_special_token() -> None:
    auto, single = _reader(LISTS), _reader(LISTS, choice="any", parallel=False)
    two = _list(("weather", PARIS), ("clock", UTC))

    assert [auto.takes(text) for text in ("hi", two, "hi" + two, _list(), _list(("clock", PARIS)))] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert [single.takes(text) for text in ("hi", two, _list(("clock", UTC)))] == [False, False, True]


def test_a_special_token_is_no_text() -> None:
    reader = _reader(LISTS, choice="none")

    assert (reader.takes("no calls"), reader.gets_to(f"no {MARKER}")) == (True, "no ")


def test_calls_that_name_the_tool_before_the_json() -> None:
    reader = _reader(NAMES)
    call = f'{MARKER}weather[ARGS]{{"city": "Paris"}}'

    assert [reader.takes(text) for text in (call, f"hi {call}{call}", call.replace("weather", "clock"))] == [
        True, True, False,
    ]  # fmt: skip


def test_calls_that_nothing_marks_are_the_whole_answer_or_none_of_it() -> None:
    auto, forced = _reader(BARE), _reader(BARE, choice="any")
    call = json.dumps({"name": "clock", "parameters": UTC})

    good = ["hi", call, MARKER + call, f"{call}; {call}", '{"names": 1}', f"hi {call}"]
    assert [auto.takes(text) for text in good] == [True] * len(good)
    assert [auto.takes(text) for text in ('{"name": "x"}', '{"name":1}', ' {"name": ', f"{call} hi")] == [False] * 4
    assert [forced.takes(text) for text in ("hi", call, MARKER + call, f"{call}; {call}")] == [False, True, True, True]


def test_calls_that_are_no_json_are_left_to_the_model_or_refused() -> None:
    other = AnswerSyntax(CallSyntax(body="other", parser="pythonic"))

    assert answer_grammar(other, {}, AnswerForm(tools=TOOLS)) == ""
    with pytest.raises(CallsRefused, match="use tool_choice auto"):
        answer_grammar(other, {}, AnswerForm(tools=TOOLS, choice="any"))
    assert not Reader(answer_grammar(other, {}, AnswerForm(tools=TOOLS, choice="none"))).takes("<tool_call>")


IMPOSSIBLE = Tool("odd", "", {"type": "object", "properties": {"a": {"not": {"type": "string"}}}, "required": ["a"]})


def test_a_schema_that_can_not_be_enforced_is_enforced_in_part_where_nobody_insists() -> None:
    reader = _reader(tools=(IMPOSSIBLE,))

    assert (reader.takes(_hermes("odd", {"a": 1})), reader.takes(_hermes("odd", {}))) == (True, False)


@pytest.mark.parametrize("form", [{"choice": "any"}, {"choice": "tool", "tool_name": "odd"}, {"strict": True}])
def test_a_schema_that_can_not_be_enforced_is_refused_where_it_would_have_to_be(form: dict[str, Any]) -> None:
    strict = bool(form.pop("strict", False))

    with pytest.raises(
        ToolRefused, match=r'this JSON Schema can\'t be enforced: .*Unimplemented keys: \["not"\]'
    ) as told:
        answer_grammar(THINKS, {}, AnswerForm(tools=(CLOCK, replace(IMPOSSIBLE, strict=strict)), **form))

    assert told.value.name == "odd"
    assert "\n" not in str(told.value)


def test_an_output_schema_that_can_not_be_enforced_is_refused() -> None:
    with pytest.raises(SchemaRefused, match="can't be enforced"):
        answer_grammar(THINKS, {}, AnswerForm(schema=IMPOSSIBLE.schema))


def test_a_grammar_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown name"):
        validate("start: nothing\n")


def test_names_and_markers_in_any_script_are_written_as_they_are() -> None:
    syntax = AnswerSyntax(replace(HERMES, opening="<työkalu▁/>"))
    reader = _reader(syntax, tools=(Tool('f"\\é', "", {"type": "object"}),))

    assert reader.takes('<työkalu▁/>\n{"name": "f\\"\\\\é", "arguments": {}}\n</tool_call>')
