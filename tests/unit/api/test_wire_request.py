"""Messages bodies: what is read out of good ones, and the exact words about bad ones."""

from typing import Any

import pytest

from api.wire.request import CountRequest, MessagesRequest, check_version, parse_count, parse_messages
from api.wire.unsupported import ThreadUnsupported
from models.conversation import Conversation, Text, Turn
from queue_config.errors import InvalidRequest
from queue_config.request import SamplingParams

NEWEST = "2026-10-21"
HELLO = [{"role": "user", "content": "hello"}]


def body(**changes: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 5, "messages": HELLO} | changes


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in body().items() if key != name}


def said(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return body(messages=[{"role": role, "content": list(blocks)}])


def text(value: Any) -> dict[str, Any]:
    return {"type": "text", "text": value}


def test_everything_that_a_request_can_say_is_read() -> None:
    parsed = parse_messages(
        body(
            system="Be brief.",
            stream=True,
            temperature=0.5,
            top_p=0.25,
            top_k=7,
            stop_sequences=["END", "STOP", "END"],
        )
    )

    assert parsed == MessagesRequest(
        model="m",
        conversation=Conversation("Be brief.", (Turn("user", (Text("hello"),)),)),
        sampling=SamplingParams(max_tokens=5, temperature=0.5, top_p=0.25, top_k=7, stop=("END", "STOP")),
        stream=True,
    )


def test_what_is_left_out_or_null_takes_the_apis_defaults() -> None:
    nulls = dict.fromkeys(["temperature", "top_p", "top_k", "stop_sequences", "stream", "system", "thinking"])

    assert parse_messages(body(**nulls)) == parse_messages(body())
    assert parse_messages(body()).sampling == SamplingParams(max_tokens=5, temperature=1.0, top_p=1.0, top_k=0)


def test_fields_that_change_no_answer_are_ignored() -> None:
    harmless: dict[str, Any] = {
        "metadata": {"user_id": "{}"},
        "tools": [],
        "tool_choice": {"type": "auto"},
        "output_config": {"effort": "high"},
        "context_management": {"edits": []},
        "service_tier": "auto",
        "safeguards": [{"type": "dangerous_tool_use"}],
        "cache_control": {"type": "ephemeral"},
        "thread": None,
        "invented_tomorrow": [1, {"a": None}],
        "thinking": {"type": "adaptive", "display": "omitted"},
    }

    assert parse_messages(body(**harmless)) == parse_messages(body())


def test_system_blocks_are_joined_and_the_billing_line_is_dropped() -> None:
    system = [text("x-anthropic-billing-header: cc_version=2.1"), text("One."), text("Two.")]

    assert parse_count(body(system=system)).conversation.system == "One.\n\nTwo."


def test_turns_of_one_role_merge_and_a_system_turn_stays_in_its_place() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "user", "content": [text("b"), text("c")]},
        {"role": "system", "content": "s"},
        {"role": "assistant", "content": "d"},
    ]

    assert parse_count(body(messages=messages)) == CountRequest(
        "m",
        Conversation(
            "",
            (
                Turn("user", (Text("a"), Text("b"), Text("c"))),
                Turn("system", (Text("s"),)),
                Turn("assistant", (Text("d"),)),
            ),
        ),
    )


def test_thinking_and_empty_text_in_a_history_leave_no_trace() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "redacted_thinking", "data": "x"},
                text(""),
            ],
        },
        {"role": "user", "content": "b"},
    ]

    assert parse_count(body(messages=messages)).conversation.turns == (Turn("user", (Text("a"), Text("b"))),)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            {"type": "tool_use", "id": "t", "name": "ls", "input": {"path": "/"}},
            '<tool_use>\nls {"path":"/"}\n</tool_use>',
        ),
        ({"type": "tool_result", "tool_use_id": "t"}, "<tool_result>\n\n</tool_result>"),
        ({"type": "tool_result", "tool_use_id": "t", "content": "ok"}, "<tool_result>\nok\n</tool_result>"),
        (
            {"type": "tool_result", "tool_use_id": "t", "content": [text("ok"), {"type": "image", "source": {}}]},
            "<tool_result>\nok\n[image omitted: this model reads text only]\n</tool_result>",
        ),
        (
            {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "D"}},
            "T\nD",
        ),
        ({"type": "document", "source": {"type": "content", "content": [text("D"), text("E")]}}, "D\nE"),
        ({"type": "search_result", "title": "T", "source": "S", "content": [text("C")]}, "T\nS\nC"),
        (
            {"type": "server_tool_use", "name": "web_search", "cache_control": {}},
            '{"type":"server_tool_use","name":"web_search"}',
        ),
    ],
)
def test_blocks_that_a_text_model_can_read_become_text(block: dict[str, Any], expected: str) -> None:
    assert parse_count(said(block)).conversation.turns == (Turn("user", (Text(expected),)),)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "The request body should be a JSON object"),
        (None, "The request body should be a JSON object"),
        (without("model"), "model: Field required"),
        (body(model=3), "model: Input should be a valid string"),
        (body(model=""), "model: String should have between 1 and 256 characters"),
        (without("messages"), "messages: Field required"),
        (body(messages="hi"), "messages: Input should be a valid array"),
        (body(messages=[]), "messages: at least one message is required"),
        (body(messages=[{"role": "assistant", "content": ""}]), "messages: at least one message is required"),
        (body(messages=["hi"]), "messages.0: Input should be an object"),
        (body(messages=[*HELLO, {"content": "x"}]), "messages.1.role: Field required"),
        (
            body(messages=[{"role": "tool", "content": "x"}]),
            "messages.0.role: Input should be 'user', 'assistant' or 'system'",
        ),
        (body(messages=[{"role": "user"}]), "messages.0.content: Field required"),
        (
            body(messages=[{"role": "user", "content": 1}]),
            "messages.0.content: Input should be a valid string or a valid array",
        ),
        (body(messages=[{"role": "user", "content": ""}]), "messages.0: user messages must have non-empty content"),
        (said(text("a"), text("")), "messages.0.content.1.text: text content blocks must be non-empty"),
        (said(text("a"), {"type": "text"}), "messages.0.content.1.text: Field required"),
        (said(text(5)), "messages.0.content.0.text: Input should be a valid string"),
        (said({"text": "a"}), "messages.0.content.0.type: Field required"),
        (said({"type": "hologram"}), "messages.0.content.0.type: unknown content block type"),
        (said({"type": "image", "source": {}}), "messages.0.content.0: images are not supported by this model"),
        (said({"type": "document"}), "messages.0.content.0.source: Field required"),
        (
            said({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": ""}}),
            "messages.0.content.0.source.type: only 'text' and 'content' documents are supported by this model",
        ),
        (without("max_tokens"), "max_tokens: Field required"),
        (body(max_tokens="5"), "max_tokens: Input should be a valid integer"),
        (body(max_tokens=True), "max_tokens: Input should be a valid integer"),
        (body(max_tokens=1.0), "max_tokens: Input should be a valid integer"),
        (body(max_tokens=-1), "max_tokens: Input should be greater than or equal to 0"),
        (body(temperature=1.1), "temperature: range: 0..1"),
        (body(temperature=-0.1), "temperature: range: 0..1"),
        (body(temperature="hot"), "temperature: Input should be a valid number"),
        (body(top_p=True), "top_p: Input should be a valid number"),
        (body(top_k=0.5), "top_k: Input should be a valid integer"),
        (body(top_k=-1), "top_k: Input should be greater than or equal to 0"),
        (body(stream="yes"), "stream: Input should be a valid boolean"),
        (body(stop_sequences="END"), "stop_sequences: Input should be a valid array"),
        (body(stop_sequences=["a", 1]), "stop_sequences.1: Input should be a valid string"),
        (body(stop_sequences=[" \n"]), "stop_sequences.0: each stop sequence must contain non-whitespace"),
        (body(stop_sequences=["é" * 129]), "stop_sequences.0: at most 256 bytes are allowed"),
        (body(stop_sequences=["a"] * 65), "stop_sequences: at most 64 are allowed"),
        (body(system=5), "system: Input should be a valid string or a valid array"),
        (body(system=[{"type": "image"}]), "system.0.type: Input should be 'text'"),
        (body(tools=[{"name": "ls"}]), "tools: tool use is not supported"),
        (body(tool_choice={"type": "any"}), "tool_choice: may only be specified while providing tools"),
        (body(mcp_servers=[{"type": "url"}]), "mcp_servers: MCP servers are not supported"),
        (
            body(output_config={"format": {"type": "json_schema"}}),
            "output_config: structured outputs are not supported",
        ),
        (body(thinking="on"), "thinking: Input should be an object"),
        (
            body(thinking={"type": "maybe"}),
            "thinking.type: Input should be 'enabled', 'adaptive', 'disabled' or 'between_tools'",
        ),
        (
            body(thinking={"type": "enabled"}),
            "thinking.enabled.budget_tokens: Input should be a valid integer",
        ),
        (
            body(thinking={"type": "enabled", "budget_tokens": 5}),
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (
            body(thinking={"type": "enabled", "budget_tokens": 2000}),
            "`max_tokens` must be greater than `thinking.budget_tokens`",
        ),
    ],
)
def test_a_bad_body_is_refused_in_words_that_name_the_field(bad: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_messages(bad)

    assert str(refused.value) == message


def test_a_thread_is_refused_with_the_code_that_the_sdk_looks_for() -> None:
    with pytest.raises(ThreadUnsupported) as refused:
        parse_messages(body(thread={"type": "create"}))

    assert refused.value.details == {"error_code": "thread_unsupported_request"}


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_the_newest_version_knows_no_sampling_fields(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_messages(body(**{name: 1}), NEWEST)

    assert str(refused.value) == f"{name}: Extra inputs are not permitted"
    assert parse_messages(body(), NEWEST) == parse_messages(body())


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            said({"type": "document", "source": {"type": "text", "data": "D"}}, role="assistant"),
            "messages.0.content.0: documents are not allowed in assistant messages",
        ),
        (
            said(text("a") | {"citations": [{}]}),
            "messages.0.content.0.citations: not allowed in user messages",
        ),
    ],
)
def test_the_newest_version_forbids_what_older_ones_allow(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_messages(bad, NEWEST)

    assert str(refused.value) == message
    assert parse_messages(bad).conversation.turns


def test_a_version_is_a_date_and_may_be_newer_than_this_code() -> None:
    assert [check_version(header) for header in (None, "2023-06-01", "2031-01-01")] == [
        "2023-06-01",
        "2023-06-01",
        "2031-01-01",
    ]
    with pytest.raises(InvalidRequest, match="anthropic-version: must be a date"):
        check_version("latest")
