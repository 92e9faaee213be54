"""Content blocks: what a model is shown of each, and the exact words about those that can't stand where they are."""

from typing import Any

import pytest

from api.wire.request import parse_messages
from api.wire.seal import Seal
from models.conversation import Part, Text, Thinking, ToolResult, ToolUse, Turn
from queue_config.errors import InvalidRequest

OURS = Seal(b"ours")
CALL = {"type": "tool_use", "id": "toolu_1", "name": "ls", "input": {"path": "/"}}
PAIR = "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: "


def text(value: Any) -> dict[str, Any]:
    return {"type": "text", "text": value}


def result(content: Any = "ok", of: str = "toolu_1", **changes: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": of, "content": content} | changes


def message(role: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def turns(*messages: dict[str, Any], seal: Seal = OURS, **changes: Any) -> tuple[Turn, ...]:
    body = {"model": "m", "max_tokens": 5, "messages": list(messages)} | changes
    return parse_messages(body, seal=seal).conversation.turns


def in_history(block: dict[str, Any]) -> tuple[Part, ...]:
    """What becomes of a block in an answer that is followed by a question."""
    read = turns(message("user", text("a")), message("assistant", block), message("user", text("b")))
    return tuple(part for turn in read if turn.role == "assistant" for part in turn.parts)


def shown(content: Any) -> str:
    """What becomes of a tool's result."""
    *_, last = turns(message("user", text("a")), message("assistant", CALL), message("user", result(content)))
    (part,) = last.parts
    assert isinstance(part, ToolResult)
    return part.text


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (text("a"), "a"),
        (text("a") | {"cache_control": {"type": "ephemeral"}, "citations": None}, "a"),
        (
            {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "D"}},
            "T\nD",
        ),
        ({"type": "document", "context": "C", "source": {"type": "content", "content": "D"}}, "C\nD"),
        ({"type": "document", "source": {"type": "content", "content": [text("D"), text("E")]}}, "D\nE"),
        ({"type": "search_result", "title": "T", "source": "S", "content": [text("C")]}, "T\nS\nC"),
        ({"type": "server_tool_use", "name": "s", "cache_control": {}}, '{"type":"server_tool_use","name":"s"}'),
        (
            {"type": "web_search_tool_result", "content": [{"url": "u", "encrypted_content": "x" * 99}]},
            '{"type":"web_search_tool_result","content":[{"url":"u"}]}',
        ),
        ({"type": "compaction", "content": "What came before."}, "What came before."),
    ],
)
def test_blocks_that_a_text_model_can_read_become_text(block: dict[str, Any], expected: str) -> None:
    assert turns(message("user", block)) == (Turn("user", (Text(expected),)),)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"type": "thinking", "thinking": "hm", "signature": "foreign"}, (Thinking("hm"),)),
        ({"type": "thinking", "thinking": " hm\n", "signature": ""}, (Thinking(" hm\n"),)),
        ({"type": "thinking", "thinking": "hm"}, (Thinking("hm"),)),
        ({"type": "thinking", "thinking": "", "signature": "Zm9yZWlnbg=="}, ()),
        ({"type": "thinking", "thinking": "", "signature": OURS.sign("hidden", carry=True)}, (Thinking("hidden"),)),
        ({"type": "thinking", "thinking": "", "signature": Seal(b"theirs").sign("hidden", carry=True)}, ()),
        ({"type": "thinking", "thinking": "", "signature": OURS.sign("shown", carry=False)}, ()),
        ({"type": "redacted_thinking", "data": "x"}, ()),
        (text(""), ()),
        (text(" \n"), (Text(" \n"),)),
    ],
)
def test_an_answers_history_keeps_its_thinking_and_drops_what_is_empty(
    block: dict[str, Any], expected: tuple[Part, ...]
) -> None:
    assert in_history(block) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"path": "/"}, '{"path": "/"}'),
        ({"b": [1, 2.5, None, True], "a": "é\u2028"}, '{"b": [1, 2.5, null, true], "a": "é\u2028"}'),
        ({"__unparsedToolInput": {"raw": "{", "len": 1}}, '{"__unparsedToolInput": {"raw": "{", "len": 1}}'),
        ([1, 2], "[1, 2]"),
        ({}, "{}"),
    ],
)
def test_a_calls_arguments_are_spelled_in_one_way(given: Any, expected: str) -> None:
    *_, call, _ = turns(
        message("user", text("a")), message("assistant", CALL | {"input": given}), message("user", result())
    )

    assert call == Turn("assistant", (ToolUse("toolu_1", "ls", expected),))


def test_results_come_in_any_order_with_text_behind_them() -> None:
    other = CALL | {"id": "toolu_2", "name": "unknown tool"}
    read = turns(
        message("user", text("a")),
        message("assistant", text(""), CALL, other),
        message("user", result("two", "toolu_2", is_error=True), result("one"), text("go on")),
    )

    assert read[-1] == Turn(
        "user",
        (
            ToolResult("toolu_2", "unknown tool", "two", is_error=True),
            ToolResult("toolu_1", "ls", "one"),
            Text("go on"),
        ),
    )


def test_results_may_be_spread_over_the_messages_of_one_turn() -> None:
    other = CALL | {"id": "toolu_2"}
    read = turns(
        message("user", text("a")),
        message("assistant", CALL),
        message("assistant", other),
        message("system", text("Note.")),
        message("user", result()),
        message("user", result("too", "toolu_2")),
    )

    assert read[-1].parts == (ToolResult("toolu_1", "ls", "ok"), ToolResult("toolu_2", "ls", "too"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, ""),
        ("", ""),
        ("ok", "ok"),
        ([], ""),
        ([text("a"), text("b")], "a\nb"),
        ([text("ok"), {"type": "image", "source": {}}], "ok\n[image omitted: this model reads text only]"),
        (
            [{"type": "document", "title": "T", "source": {"type": "base64", "data": ""}}],
            "T\n[document omitted: this model reads text only]",
        ),
        ([{"type": "search_result", "title": "T", "source": "S", "content": []}], "T\nS\n"),
        ([{"type": "browser_state", "url": "u"}], '{"type":"browser_state","url":"u"}'),
    ],
)
def test_a_result_is_shown_as_text_with_notes_for_what_is_none(content: Any, expected: str) -> None:
    assert shown(content) == expected


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (
            [message("user", {"type": "image", "source": {}})],
            "messages.0.content.0: images are not supported by this model",
        ),
        ([message("user", {"type": "document"})], "messages.0.content.0.source: Field required"),
        (
            [message("user", {"type": "document", "source": {"type": "base64", "data": ""}})],
            "messages.0.content.0.source.type: only 'text' and 'content' documents are supported by this model",
        ),
        (
            [message("user", {"type": "document", "source": {"type": "content", "content": [{"type": "image"}]}})],
            "messages.0.content.0.source.content.0: images are not supported by this model",
        ),
        ([message("user", CALL)], "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages"),
        (
            [message("user", {"type": "thinking", "thinking": "a"})],
            "messages.0.content.0: `thinking` blocks can only be in `assistant` messages",
        ),
        (
            [message("user", text("a")), message("assistant", result())],
            "messages.1.content.0: `tool_result` blocks can only be in `user` messages",
        ),
        (
            [message("user", text("a")), message("assistant", CALL | {"id": 1})],
            "messages.1.content.0.id: Input should be a valid string",
        ),
        (
            [message("user", text("a")), message("assistant", CALL, CALL)],
            "messages.1.content.1: `tool_use` ids must be unique: toolu_1",
        ),
        ([message("user", {"type": "tool_result"})], "messages.0.content.0.tool_use_id: Field required"),
        ([message("user", result(5))], "messages.0.content.0.content: Input should be a valid string or a valid array"),
        ([message("user", result([5]))], "messages.0.content.0.content.0: Input should be an object"),
        (
            [message("user", result([{"type": "hologram"}]))],
            "messages.0.content.0.content.0.type: unknown content block type",
        ),
        ([message("user", result(is_error=1))], "messages.0.content.0.is_error: Input should be a valid boolean"),
        (
            [message("user", text("a"), *[text("b")] * 1_000)],
            "messages.0.content: at most 1000 content blocks are allowed",
        ),
    ],
)
def test_a_block_that_cannot_stand_there_is_refused_by_its_place(messages: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        turns(*messages)

    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([message("assistant", CALL)], PAIR + "toolu_1. "),
        ([message("assistant", CALL), message("user", text("and?"))], PAIR + "toolu_1. "),
        ([message("assistant", CALL), {"role": "user", "content": "and?"}], PAIR + "toolu_1. "),
        (
            [message("assistant", CALL, CALL | {"id": "toolu_2"}, CALL | {"id": "toolu_3"}), message("user", result())],
            PAIR + "toolu_2, toolu_3. ",
        ),
        (
            [
                message("assistant", CALL),
                message("user", text("wait")),
                message("assistant", text("b")),
                message("user", result()),
            ],
            PAIR + "toolu_1. ",
        ),
        (
            [message("assistant", CALL), message("user", text("x"), result(of="toolu_9"))],
            "messages.2.content.1: unexpected `tool_use_id` found in `tool_result` blocks: toolu_9. ",
        ),
        (
            [message("assistant", text("a")), message("user", result())],
            "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1. ",
        ),
        (
            [
                message("assistant", CALL),
                message("user", result()),
                message("assistant", text("b")),
                message("user", result()),
            ],
            "messages.4.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1. ",
        ),
        (
            [message("assistant", CALL), message("user", result(), result())],
            "messages.2.content.1: each tool_use must have a single result. Found multiple results for: toolu_1",
        ),
    ],
)
def test_calls_and_results_must_be_pairs(messages: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        turns(message("user", text("a")), *messages)

    assert str(refused.value).startswith(words)
