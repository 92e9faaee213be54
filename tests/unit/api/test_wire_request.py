"""Messages bodies: what is read out of good ones, and the exact words about bad ones."""

from typing import Any

import pytest

from api.wire.request import CountRequest, MessagesRequest, parse_count, parse_messages
from api.wire.unsupported import ThreadUnsupported
from api.wire.version import check_version
from api.wire.wish import AnswerWish
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
        left_open=frozenset({"min_p"}),
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
        "service_tier": "auto",
        "safeguards": [{"type": "invented_tomorrow"}],
        "diagnostics": {"previous_message_id": None},
        "fallbacks": [{"model": "other"}],
        "cache_control": {"type": "ephemeral"},
        "thread": None,
        "invented_tomorrow": [1, {"a": None}],
        "thinking": {"type": "disabled"},
    }

    assert parse_messages(body(**harmless)) == parse_messages(body())


def test_system_blocks_are_joined_and_the_billing_line_is_dropped() -> None:
    system = [text("x-anthropic-billing-header: cc_version=2.1"), text("One."), text("Two.")]

    assert parse_count(body(system=system)).conversation.system == "One.\n\nTwo."


def test_turns_of_one_role_merge() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "user", "content": [text("b"), text("c")]},
        {"role": "assistant", "content": "d"},
    ]

    assert parse_count(body(messages=messages)) == CountRequest(
        "m",
        Conversation("", (Turn("user", (Text("a"), Text("b"), Text("c"))), Turn("assistant", (Text("d"),)))),
    )


@pytest.mark.parametrize(
    ("thinking", "effort", "expected"),
    [
        (None, None, (False, 0, "summarized")),
        ({"type": "disabled"}, "high", (False, 0, "summarized")),
        ({"type": "enabled", "budget_tokens": 2000}, "low", (True, 2000, "summarized")),
        ({"type": "enabled", "budget_tokens": 2000, "display": "omitted"}, None, (True, 2000, "omitted")),
        ({"type": "adaptive"}, None, (True, 0, "summarized")),
        ({"type": "adaptive", "display": "updates"}, "high", (True, 0, "summarized")),
        ({"type": "adaptive", "display": "invented_tomorrow"}, "low", (True, 1024, "summarized")),
        ({"type": "adaptive", "display": None}, "medium", (True, 8192, "summarized")),
        ({"type": "between_tools", "display": "omitted"}, "max", (True, 0, "omitted")),
    ],
)
def test_thinking_is_asked_for_bounded_and_shown_as_the_request_says(
    thinking: Any, effort: str | None, expected: tuple[bool, int, str]
) -> None:
    parsed = parse_messages(body(max_tokens=9000, thinking=thinking, output_config={"effort": effort}))

    assert (parsed.conversation.thinking, parsed.wish.thinking_budget, parsed.wish.thinking_display) == expected


@pytest.mark.parametrize("field", ["output_config", "output_format"])
def test_a_schema_for_the_answer_is_read_and_the_model_is_told_of_it(field: str) -> None:
    schema = {"type": "object", "properties": {"café": {"type": "string"}}}
    chosen = {"type": "json_schema", "schema": schema}
    asked = body(system="Be brief.", **{field: {"format": chosen} if field == "output_config" else chosen})

    parsed = parse_messages(asked)

    assert parsed.wish == AnswerWish(schema=schema)
    assert parsed.conversation.system == (
        "Be brief.\n\nAnswer with JSON only, fitting this JSON Schema:\n"
        '{"type": "object", "properties": {"café": {"type": "string"}}}'
    )
    assert parse_count(asked).conversation == parsed.conversation


def test_what_the_answer_is_to_report_is_remembered_in_words() -> None:
    parsed = parse_messages(
        body(
            thinking={"type": "adaptive", "display": "omitted"},
            context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            safeguards=[{"type": "dangerous_tool_use", "classifier_context": {"v": 1}}],
        )
    )

    assert parsed.wish.manner == ("thinking_omitted", "applied_edits", "safeguards")
    assert AnswerWish().manner == ()


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
        (body(mcp_servers=[{"type": "url"}]), "mcp_servers: MCP servers are not supported"),
        (body(container="c"), "container: containers are not supported"),
        (body(compaction={"type": "summarize"}), "compaction: compaction is not supported"),
        (body(output_config="json"), "output_config: Input should be an object"),
        (body(output_config={"format": {"type": "xml"}}), "output_config.format.type: Input should be 'json_schema'"),
        (body(output_config={"format": {"type": "json_schema"}}), "output_config.format.schema: Field required"),
        (body(output_format={"type": "json_schema", "schema": 1}), "output_format.schema: Input should be an object"),
        (body(thinking="on"), "thinking: Input should be an object"),
        (
            body(thinking={"type": "maybe"}),
            "thinking.type: Input should be 'enabled', 'adaptive', 'disabled' or 'between_tools'",
        ),
        (
            body(thinking={"type": "enabled"}),
            "thinking.enabled.budget_tokens: Field required",
        ),
        (
            body(thinking={"type": "enabled", "budget_tokens": True}),
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
