"""Every list of a request has a length that is still taken, and one more is refused by name."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from api.wire.batch import parse_create
from api.wire.request import parse_messages
from api.wire_openai.chat_request import parse_chat
from api.wire_openai.completion_request import parse_completion
from queue_config.errors import InvalidRequest, PensieveError
from queue_config.settings import Settings

Parse = Callable[[Any], object]
TEXT = {"type": "text", "text": "x"}
SCHEMA = {"type": "object", "properties": {}}


def body(**changes: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}], **changes}


def said(*blocks: dict[str, Any]) -> dict[str, Any]:
    return body(messages=[{"role": "user", "content": list(blocks)}])


def answered(result: dict[str, Any]) -> dict[str, Any]:
    use = {"type": "tool_use", "id": "u", "name": "t", "input": {}}
    return body(
        messages=[
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "u", **result}]},
        ]
    )


def functions(count: int) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": f"t{number}"}} for number in range(count)]


def called(count: int) -> list[dict[str, Any]]:
    calls = [
        {"id": f"c{number}", "type": "function", "function": {"name": "t", "arguments": "{}"}}
        for number in range(count)
    ]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in calls]
    return [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": calls}, *results]


def create(given: Any) -> object:
    return parse_create(given, Settings().max_batch_requests)


class Limit(NamedTuple):
    name: str
    most: int
    parse: Parse
    of: Callable[[int], Any]
    """The body with so many."""
    words: str


LIMITS = [
    Limit(
        "messages",
        100_000,
        parse_messages,
        lambda n: body(messages=[{"role": "user", "content": "x"}] * n),
        "messages: at most 100000 messages are allowed",
    ),
    Limit(
        "blocks of a message",
        1_000,
        parse_messages,
        lambda n: said(*[TEXT] * n),
        "messages.0.content: at most 1000 content blocks are allowed",
    ),
    Limit(
        "blocks of a system prompt",
        1_000,
        parse_messages,
        lambda n: body(system=[TEXT] * n),
        "system: at most 1000 content blocks are allowed",
    ),
    Limit(
        "blocks of a result",
        1_000,
        parse_messages,
        lambda n: answered({"content": [TEXT] * n}),
        "messages.2.content.0.content: at most 1000 content blocks are allowed",
    ),
    Limit(
        "blocks of a document",
        1_000,
        parse_messages,
        lambda n: said({"type": "document", "source": {"type": "content", "content": [TEXT] * n}}),
        "messages.0.content.0.source.content: at most 1000 content blocks are allowed",
    ),
    Limit(
        "blocks of a search result",
        1_000,
        parse_messages,
        lambda n: said({"type": "search_result", "title": "x", "source": "x", "content": [TEXT] * n}),
        "messages.0.content.0.content: at most 1000 content blocks are allowed",
    ),
    Limit(
        "tools",
        1_000,
        parse_messages,
        lambda n: body(tools=[{"name": f"t{number}", "input_schema": SCHEMA} for number in range(n)]),
        "tools: at most 1000 tools are allowed",
    ),
    Limit(
        "bytes of a schema",
        65_536,
        parse_messages,
        # What stands around the text takes 34 bytes.
        lambda n: body(tools=[{"name": "t", "input_schema": {"type": "object", "description": "x" * (n - 34)}}]),
        "tools.0.input_schema: at most 65536 bytes of JSON are allowed",
    ),
    Limit(
        "stop sequences",
        64,
        parse_messages,
        lambda n: body(stop_sequences=[f"s{number}" for number in range(n)]),
        "stop_sequences: at most 64 are allowed",
    ),
    Limit(
        "bytes of a stop sequence",
        256,
        parse_messages,
        lambda n: body(stop_sequences=["x" * n]),
        "stop_sequences.0: at most 256 bytes are allowed",
    ),
    Limit(
        "characters of a model's name",
        256,
        parse_messages,
        lambda n: body(model="m" * n),
        "model: String should have between 1 and 256 characters",
    ),
    Limit(
        "requests of a batch",
        10_000,
        create,
        lambda n: {"requests": [{"custom_id": f"c{number}", "params": {}} for number in range(n)]},
        "requests: List should have at most 10000 items after validation, not 10001",
    ),
    Limit(
        "characters of a custom id",
        64,
        create,
        lambda n: {"requests": [{"custom_id": "c" * n, "params": {}}]},
        "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
    ),
    Limit(
        "chat messages",
        100_000,
        parse_chat,
        lambda n: body(messages=[{"role": "user", "content": "x"}] * n),
        "messages: at most 100000 messages are allowed",
    ),
    Limit(
        "parts of a chat message",
        1_000,
        parse_chat,
        lambda n: said(*[TEXT] * n),
        "messages.0.content: at most 1000 content parts are allowed",
    ),
    Limit(
        "calls of a chat message",
        1_000,
        parse_chat,
        lambda n: body(messages=called(n)),
        "messages.1.tool_calls: at most 1000 calls are allowed",
    ),
    Limit(
        "functions",
        1_000,
        parse_chat,
        lambda n: body(tools=functions(n)),
        "tools: at most 1000 tools are allowed",
    ),
    Limit(
        "functions that are allowed",
        1_000,
        parse_chat,
        lambda n: body(
            tools=functions(1),
            tool_choice={"type": "allowed_tools", "mode": "auto", "tools": functions(1) * n},
        ),
        "tool_choice.allowed_tools.tools: at most 1000 tools are allowed",
    ),
    Limit(
        "stops",
        64,
        parse_chat,
        lambda n: body(stop=[f"s{number}" for number in range(n)]),
        "stop: at most 64 are allowed",
    ),
    Limit(
        "biases",
        1_024,
        parse_chat,
        lambda n: body(logit_bias={str(number): 1 for number in range(n)}),
        "logit_bias: at most 1024 tokens are allowed",
    ),
    Limit(
        "tokens of a prompt",
        2_000_000,
        parse_completion,
        lambda n: body(prompt=[1] * n),
        "prompt: at most 2000000 tokens are allowed",
    ),
]


@pytest.mark.parametrize("limit", LIMITS, ids=[limit.name for limit in LIMITS])
def test_so_many_are_taken_and_not_one_more(limit: Limit) -> None:
    limit.parse(limit.of(limit.most))

    with pytest.raises(InvalidRequest) as refused:
        limit.parse(limit.of(limit.most + 1))
    assert str(refused.value) == limit.words


def test_the_limits_that_are_settings_are_what_the_manual_says() -> None:
    settings = Settings()

    assert (settings.max_body_bytes, settings.max_batch_body_bytes) == (32_000_000, 64_000_000)
    assert (settings.deadline_s, settings.ping_interval_s) == (600.0, 10.0)


def test_no_message_grows_with_what_it_repeats() -> None:
    assert str(InvalidRequest("x" * 1_000)) == "x" * 1_000
    assert str(PensieveError("x" * 10_000_000)) == "x" * 1_000 + "…"
