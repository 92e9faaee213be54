"""Chat bodies: what they become, and which field a 400 names."""

from typing import Any

import pytest

from api.wire.request import MessagesRequest
from api.wire.wish import AnswerWish
from api.wire_openai.chat_request import parse_chat
from api.wire_openai.sampling import UNBOUNDED
from models.conversation import Conversation, Text, Thinking, Tool, ToolResult, ToolUse, Turn
from queue_config.errors import InvalidRequest
from queue_config.request import SamplingParams

USER = {"role": "user", "content": "hi"}
CALL = {"id": "call_x", "type": "function", "function": {"name": "f", "arguments": '{"a":1.50,"é":[]}'}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_x", "content": "18"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "number"}}}
F = {"type": "function", "function": {"name": "f", "description": "Does f", "parameters": SCHEMA, "strict": True}}
G = {"type": "function", "function": {"name": "g"}}
TOOL_F = Tool("f", "Does f", SCHEMA, strict=True)
TOOL_G = Tool("g", "", {"type": "object", "properties": {}})


def body(*messages: Any, **changes: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [*messages] or [USER]} | changes


def parsed(*messages: Any, **changes: Any) -> MessagesRequest:
    return parse_chat(body(*messages, **changes)).message


def asked(**changes: Any) -> AnswerWish:
    return AnswerWish(schema_field="response_format.json_schema.schema", **changes)


def said(role: Any, *parts: Any) -> Turn:
    return Turn(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def test_the_least_that_can_be_asked() -> None:
    assert parsed() == MessagesRequest(
        model="m",
        conversation=Conversation("", (said("user", "hi"),)),
        sampling=SamplingParams(max_tokens=UNBOUNDED),
        stream=False,
        wish=asked(),
        left_open=frozenset({"temperature", "top_p", "top_k", "min_p"}),
    )


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([{"role": "system", "content": "Be brief."}, USER], Conversation("Be brief.", (said("user", "hi"),))),
        (
            [
                {"role": "developer", "content": "A"},
                {"role": "system", "content": [{"type": "text", "text": "B"}]},
                USER,
            ],
            Conversation("A\n\nB", (said("user", "hi"),)),
        ),
        ([USER, {"role": "system", "content": "Now!"}], Conversation("", (said("user", "hi"), said("system", "Now!")))),
        ([{"role": "system", "content": "Alone"}], Conversation("", (said("system", "Alone"),))),
        ([USER, USER], Conversation("", (said("user", "hi", "hi"),))),
        ([{"role": "user", "content": ""}], Conversation("", (said("user", ""),))),
        (
            [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
            Conversation("", (said("user", "a", "b"),)),
        ),
        (
            [USER, {"role": "assistant", "content": "yes", "reasoning_content": "hm"}, USER],
            Conversation("", (said("user", "hi"), said("assistant", Thinking("hm"), "yes"), said("user", "hi"))),
        ),
        (
            [USER, CALLS, RESULT, USER],
            Conversation(
                "",
                (
                    said("user", "hi"),
                    said("assistant", ToolUse("call_x", "f", '{"a": 1.5, "é": []}')),
                    said("user", ToolResult("call_x", "f", "18"), "hi"),
                ),
            ),
        ),
    ],
)
def test_messages_become_a_conversation(messages: list[Any], expected: Conversation) -> None:
    assert parsed(*messages).conversation == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", "{}"),
        (" ", "{}"),
        ('{"a":1}', '{"a": 1}'),
        ('{"a": "\\u00e9"}', '{"a": "é"}'),
        ('{"a": 1', '"{\\"a\\": 1"'),
        ("NaN", '"NaN"'),
        ("[" * 100_000, '"' + "[" * 100_000 + '"'),
    ],
)
def test_arguments_are_respelled_and_broken_ones_kept_as_a_string(arguments: str, expected: str) -> None:
    call = CALL | {"function": {"name": "f", "arguments": arguments}}

    turns = parsed(USER, CALLS | {"tool_calls": [call]}, RESULT).conversation.turns

    assert turns[1].parts == (ToolUse("call_x", "f", expected),)


def test_a_call_of_ours_gets_its_own_id_back() -> None:
    own = "call_" + "a" * 24
    call, result = CALL | {"id": own}, RESULT | {"tool_call_id": own}

    turns = parsed(USER, CALLS | {"tool_calls": [call]}, result).conversation.turns

    assert turns[1].parts[0] == ToolUse("toolu_" + "a" * 24, "f", '{"a": 1.5, "é": []}')
    assert turns[2].parts[0] == ToolResult("toolu_" + "a" * 24, "f", "18")


@pytest.mark.parametrize(
    ("changes", "tools", "wish"),
    [
        ({}, (TOOL_F, TOOL_G), asked()),
        ({"tool_choice": None}, (TOOL_F, TOOL_G), asked()),
        ({"tool_choice": "none"}, (TOOL_F, TOOL_G), asked(tool_choice="none")),
        ({"tool_choice": "required"}, (TOOL_F, TOOL_G), asked(tool_choice="any")),
        (
            {"tool_choice": {"type": "function", "function": {"name": "g"}}, "parallel_tool_calls": False},
            (TOOL_F, TOOL_G),
            asked(tool_choice="tool", tool_name="g", parallel=False),
        ),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [G]}}},
            (TOOL_F, TOOL_G),
            asked(tool_choice="any", removed_tools=frozenset({"f"})),
        ),
    ],
)
def test_tools_and_the_choice_among_them(changes: Any, tools: tuple[Tool, ...], wish: AnswerWish) -> None:
    message = parsed(tools=[F, G], **changes)

    assert (message.conversation.tools, message.wish) == (tools, wish)


@pytest.mark.parametrize(
    ("response_format", "schema"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"type": "object"}),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}, SCHEMA),
    ],
)
def test_response_formats(response_format: Any, schema: Any) -> None:
    message = parsed({"role": "system", "content": "Be brief."}, USER, response_format=response_format)

    assert message.wish == asked(schema=schema)
    assert message.conversation.system.startswith("Be brief.")
    assert ("JSON Schema" in message.conversation.system) is (schema is not None)


@pytest.mark.parametrize(
    ("effort", "thinking", "budget"),
    [
        (None, False, 0),
        ("none", False, 0),
        ("minimal", False, 0),
        ("low", True, 1024),
        ("medium", True, 8192),
        ("max", True, 0),
    ],
)
def test_an_effort_makes_the_answer_think(effort: str | None, thinking: bool, budget: int) -> None:
    message = parsed(reasoning_effort=effort)

    assert (message.conversation.thinking, message.wish) == (thinking, asked(thinking_budget=budget))


@pytest.mark.parametrize(
    ("messages", "changes"),
    [
        ([USER, {"role": "assistant", "content": "So"}], {}),
        ([USER], {"tools": [F], "tool_choice": "required"}),
    ],
)
def test_nobody_thinks_where_the_answer_has_begun_or_is_a_call(messages: list[Any], changes: Any) -> None:
    assert not parsed(*messages, reasoning_effort="high", **changes).conversation.thinking


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"max_tokens": 6}),
        ({"temperature": 2, "top_p": 0.1}, {"temperature": 2.0, "top_p": 0.1}),
        ({"top_k": -1}, {"top_k": 0}),
        ({"stop": "END"}, {"stop": ("END",)}),
        ({"stop": ["\n", " ", "\n"]}, {"stop": ("\n", " ")}),
        ({"seed": -1}, {"seed": 2**63 - 1}),
        ({"seed": 0}, {"seed": 1}),
        ({"logit_bias": {"7": -100, "3": 1.5}}, {"logit_bias": ((3, 1.5), (7, -100.0))}),
        ({"temperature": None, "stop": None, "logit_bias": None, "max_tokens": None, "seed": None, "n": None}, {}),
        ({"n": 1, "logprobs": False, "top_logprobs": 0, "modalities": ["text"], "user": "me", "store": True}, {}),
    ],
)
def test_sampling(changes: Any, expected: Any) -> None:
    assert parsed(**changes).sampling == SamplingParams(**{"max_tokens": UNBOUNDED} | expected)


@pytest.mark.parametrize(("options", "expected"), [(None, False), ({}, False), ({"include_usage": True}, True)])
def test_usage_is_included_where_it_is_asked_for(options: Any, expected: bool) -> None:
    assert parse_chat(body(stream=True, stream_options=options)).include_usage is expected


IMAGE = {"type": "image_url", "image_url": {"url": "data:"}}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "The request body should be a JSON object"),
        ({"messages": [USER]}, "model: Field required"),
        (body(model=""), "model: String should have between 1 and 256 characters"),
        ({"model": "m"}, "messages: Field required"),
        (body(messages=[]), "messages: at least one message is required"),
        (body(messages="hi"), "messages: Input should be a valid array"),
        (body("hi"), "messages.0: Input should be an object"),
        (body({"role": "function", "content": ""}), "messages.0.role: Input should be 'system', 'developer', 'user', "),
        (body({"role": "user"}), "messages.0.content: Field required"),
        (body({"role": "user", "content": 5}), "messages.0.content: Input should be a valid string or a valid array"),
        (
            body({"role": "user", "content": [IMAGE]}),
            "messages.0.content.0: 'image_url' is not supported by this model",
        ),
        (body({"role": "user", "content": [{"type": "x"}]}), "messages.0.content.0.type: Input should be 'text'"),
        (body({"role": "assistant"}), "messages.0.content: Field required unless there are 'tool_calls'"),
        (body(USER, CALLS), "messages.1: an assistant message with 'tool_calls' must be followed by tool messages"),
        (
            body(USER, CALLS, USER),
            "messages.2: an assistant message with 'tool_calls' must be followed by tool messages",
        ),
        (body(USER, RESULT), "messages.1: messages with role 'tool' must be a response to a preceding 'tool_calls'"),
        (body(USER, CALLS, RESULT, RESULT), "messages.3: messages with role 'tool' must be a response"),
        (body(stream="yes"), "stream: Input should be a valid boolean"),
        (body(stream_options=1), "stream_options: Input should be an object"),
        (body(n=2), "n: only 1 is supported"),
        (body(logprobs=True), "logprobs: the probabilities of tokens are not supported"),
        (body(top_logprobs=3), "top_logprobs: the probabilities of tokens are not supported"),
        (body(modalities=["text", "audio"]), "modalities: only 'text' is supported"),
        (body(modalities=5), "modalities: only 'text' is supported"),
        (body(functions=[]), "functions: deprecated and not supported"),
        (body(max_tokens=0), "max_tokens: Input should be greater than or equal to 1"),
        (body(max_completion_tokens=True), "max_completion_tokens: Input should be a valid integer"),
        (body(temperature=2.1), "temperature: range: 0..2"),
        (body(temperature="1"), "temperature: Input should be a valid number"),
        (body(top_p=1.1), "top_p: range: 0..1"),
        (body(top_k=-2), "top_k: Input should be greater than or equal to -1"),
        (body(presence_penalty=-2.5), "presence_penalty: range: -2..2"),
        (body(repetition_penalty=0), "repetition_penalty: Input should be greater than 0"),
        (body(seed=1.5), "seed: Input should be a valid integer"),
        (body(stop=[1]), "stop: Input should be a valid string or an array of strings"),
        (body(stop=""), "stop: each should have between 1 and 256 bytes"),
        (body(stop=["x"] * 65), "stop: at most 64 are allowed"),
        (body(logit_bias=[]), "logit_bias: Input should be an object"),
        (body(logit_bias={"x": 1}), "logit_bias: keys should be token ids"),
        (body(logit_bias={"٣": 1}), "logit_bias: keys should be token ids"),
        (body(logit_bias={"1": 101}), "logit_bias: range: -100..100"),
        (body(reasoning_effort="extreme"), "reasoning_effort: Input should be 'none', "),
        (body(response_format={"type": "xml"}), "response_format.type: Input should be 'text', 'json_object' or"),
        (body(response_format={"type": "json_schema"}), "response_format.json_schema: Field required"),
        (body(tools=[{"type": "custom"}]), "tools.0.type: only 'function' tools are supported"),
        (body(tools=[{"type": "function"}]), "tools.0.function: Field required"),
        (body(tools=[{"type": "function", "function": {"name": "a b"}}]), "tools.0.function.name: String should match"),
        (body(tools=[F, F]), "tools: Tool names must be unique."),
        (body(tool_choice="required"), "tool_choice: may only be 'required' while providing tools"),
        (body(tools=[F], tool_choice="f"), "tool_choice: Input should be 'none', 'auto', 'required' or an object"),
        (body(tools=[F], tool_choice=G), "tool_choice: Tool 'g' not found in provided tools"),
        (body(parallel_tool_calls=1), "parallel_tool_calls: Input should be a valid boolean"),
    ],
)
def test_a_wrong_field_is_named(wrong: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_chat(wrong)

    assert str(raised.value).startswith(message)
