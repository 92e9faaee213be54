"""Tools: which definitions are taken, what a choice may say, and where definitions come in that are loaded later."""

from typing import Any

import pytest

from api.answer_plans import callable_tools
from api.wire.anthropic_tools import DEFINITIONS
from api.wire.request import MessagesRequest, parse_count, parse_messages
from models.conversation import Text, Tool, ToolResult, Turn
from queue_config.errors import InvalidRequest

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
LS = {"name": "ls", "description": "Lists.", "input_schema": SCHEMA}
FETCH = {"name": "fetch", "description": "Fetches é.", "input_schema": SCHEMA, "defer_loading": True}
SERVER_TOOL = "would be run by the server, and this one runs no tools itself"
FETCH_TEXT = (
    "Tool fetch is now available:\n"
    '{"name": "fetch", "description": "Fetches é.", "parameters": '
    '{"type": "object", "properties": {"path": {"type": "string"}}}}'
)


def parse(*tools: dict[str, Any], messages: list[dict[str, Any]] | None = None, **changes: Any) -> MessagesRequest:
    hello = [{"role": "user", "content": "hello"}]
    return parse_messages(
        {"model": "m", "max_tokens": 5000, "messages": messages or hello, "tools": list(tools)} | changes
    )


def named(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "input_schema": SCHEMA} for name in names]


def refusal(*tools: Any, **changes: Any) -> str:
    with pytest.raises(InvalidRequest) as refused:
        parse(*tools, **changes)
    return str(refused.value)


def searched(*references: str) -> list[dict[str, Any]]:
    """A history in which a search for tools found these."""
    found = [{"type": "tool_reference", "tool_name": name} for name in references]
    return [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "ls", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": found}]},
    ]


def test_definitions_are_read_in_their_order() -> None:
    bare = {"type": "custom", "name": "a-B_9", "input_schema": {"type": "object"}, "description": None}
    extras = {"cache_control": {"type": "ephemeral"}, "eager_input_streaming": True, "input_examples": [{}], "x": 1}

    tools = parse(LS | extras, bare | {"strict": True, "allowed_callers": ["direct"]}).conversation.tools

    assert tools == (Tool("ls", "Lists.", SCHEMA), Tool("a-B_9", "", {"type": "object"}, strict=True))


@pytest.mark.parametrize("kind", list(DEFINITIONS))
def test_tools_that_clients_know_by_their_type_get_a_definition(kind: str) -> None:
    (tool,) = parse({"type": kind, "name": "theirs"}).conversation.tools

    description, schema = DEFINITIONS[kind]
    assert (tool.name, tool.description, tool.schema) == ("theirs", description, schema)
    assert set(schema["required"]) <= set(schema["properties"])


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        ("ls", "tools: Input should be a valid array"),
        ([5], "tools.0: Input should be an object"),
        ([{"input_schema": SCHEMA}], "tools.0.name: Field required"),
        ([LS | {"name": 5}], "tools.0.name: Input should be a valid string"),
        *(
            ([LS, LS | {"name": name}], "tools.1.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
            for name in ("", "a b", "é", "a\n", "x" * 129, "a.b")
        ),
        ([LS, LS], "tools: Tool names must be unique."),
        ([LS | {"description": 5}], "tools.0.description: Input should be a valid string"),
        ([{"name": "ls"}], "tools.0.input_schema: Field required"),
        ([LS | {"input_schema": []}], "tools.0.input_schema: Input should be an object"),
        ([LS | {"input_schema": {}}], "tools.0.input_schema.type: Field required"),
        ([LS | {"input_schema": {"type": "array"}}], "tools.0.input_schema.type: Input should be 'object'"),
        ([LS | {"strict": "yes"}], "tools.0.strict: Input should be a valid boolean"),
        ([LS | {"defer_loading": 1}], "tools.0.defer_loading: Input should be a valid boolean"),
        ([LS | {"type": 5}], "tools.0.type: Input should be a valid string"),
        ([LS | {"type": "function"}], "tools.0.type: the tool 'ls' (function) is of an unknown type"),
        (
            [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}],
            f"tools.0: the tool 'web_search' (web_search_20250305) {SERVER_TOOL}",
        ),
        (
            [{"type": "mcp_toolset", "mcp_server_name": "x"}],
            f"tools.0: the tool 'mcp_toolset' (mcp_toolset) {SERVER_TOOL}",
        ),
        (
            [{"type": "computer_20250124", "name": "computer"}],
            "tools.0: the tool 'computer' (computer_20250124) needs a model that sees images",
        ),
    ],
)
def test_a_definition_that_cannot_be_used_is_refused_by_name(tools: Any, words: str) -> None:
    assert refusal(tools=tools) == words


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, ("auto", "", True)),
        ({"type": "auto"}, ("auto", "", True)),
        ({"type": "auto", "disable_parallel_tool_use": True}, ("auto", "", False)),
        ({"type": "any", "disable_parallel_tool_use": False}, ("any", "", True)),
        ({"type": "tool", "name": "ls"}, ("tool", "ls", True)),
        ({"type": "none"}, ("none", "", True)),
    ],
)
def test_a_choice_is_read(choice: Any, expected: tuple[str, str, bool]) -> None:
    wish = parse(LS, tool_choice=choice).wish

    assert (wish.tool_choice, wish.tool_name, wish.parallel) == expected


@pytest.mark.parametrize(
    ("tools", "changes", "words"),
    [
        ([], {"tool_choice": {"type": "any"}}, "tool_choice: may only be specified while providing tools"),
        (
            [],
            {"tool_choice": {"type": "tool", "name": "ls"}},
            "tool_choice: may only be specified while providing tools",
        ),
        ([LS], {"tool_choice": "any"}, "tool_choice: Input should be an object"),
        (
            [LS],
            {"tool_choice": {"type": "some"}},
            "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'",
        ),
        ([LS], {"tool_choice": {"type": "tool"}}, "tool_choice.name: Field required"),
        ([LS], {"tool_choice": {"type": "tool", "name": "rm"}}, "tool_choice: Tool 'rm' not found in provided tools"),
        (
            [LS],
            {"tool_choice": {"type": "any", "disable_parallel_tool_use": 1}},
            "tool_choice.disable_parallel_tool_use: Input should be a valid boolean",
        ),
        (
            [LS],
            {"tool_choice": {"type": "any"}, "thinking": {"type": "enabled", "budget_tokens": 2000}},
            "Thinking may not be enabled when tool_choice forces tool use.",
        ),
    ],
)
def test_a_choice_that_cannot_be_honoured_is_refused(tools: Any, changes: dict[str, Any], words: str) -> None:
    assert refusal(*tools, **changes) == words


def test_a_forced_call_leaves_out_thinking_that_is_only_allowed() -> None:
    adaptive = {"type": "adaptive"}

    assert parse(LS, thinking=adaptive).conversation.thinking is True
    assert parse(LS, thinking=adaptive, tool_choice={"type": "any"}).conversation.thinking is False


def test_an_answer_that_has_begun_already_does_not_think_first() -> None:
    begun = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]

    assert parse(messages=begun, thinking={"type": "adaptive"}).conversation.thinking is False


def test_deferred_tools_stand_where_they_were_found_and_not_in_the_list() -> None:
    parsed = parse(LS, FETCH, FETCH | {"name": "never_found"}, messages=searched("fetch", "ls", "fetch", "unheard_of"))

    assert parsed.conversation.tools == (Tool("ls", "Lists.", SCHEMA),)
    assert parsed.conversation.turns[-1] == Turn(
        "user",
        (
            ToolResult(
                "t1",
                "ls",
                f"{FETCH_TEXT}\nTool ls is available.\nTool fetch is available, as defined above.\n"
                "Tool unheard_of is available.",
            ),
        ),
    )
    assert [tool.name for tool in callable_tools(parsed.conversation, parsed.wish)] == ["ls", "fetch"]


def test_tools_are_added_and_taken_away_by_system_messages() -> None:
    hidden = {"type": "tool_reference", "name": "fetch"}
    new = {"type": "tool_definition", "name": "new", "input_schema": {"type": "object"}}
    messages = [
        *searched("fetch"),
        {"role": "assistant", "content": "done"},
        {"role": "system", "content": [{"type": "tool_addition", "tool": new}]},
        {"role": "user", "content": "and now?"},
        {"role": "assistant", "content": "done"},
        {"role": "system", "content": [{"type": "tool_removal", "tool": hidden}, {"type": "tool_removal", "tool": LS}]},
        {"role": "user", "content": "and now?"},
    ]

    parsed = parse(LS, FETCH, messages=messages)

    assert [turn.parts for turn in parsed.conversation.turns if turn.role == "system"] == [
        (Text('Tool new is now available:\n{"name": "new", "description": "", "parameters": {"type": "object"}}'),),
        (Text("Tool fetch is no longer available."), Text("Tool ls is no longer available.")),
    ]
    assert [tool.name for tool in callable_tools(parsed.conversation, parsed.wish)] == ["new"]


def test_a_tool_that_comes_back_may_be_called_again() -> None:
    removal, addition = (
        {"type": kind, "tool": {"type": "tool_reference", "name": "ls"}} for kind in ("tool_removal", "tool_addition")
    )
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "system", "content": [removal, addition]},
        {"role": "user", "content": "three"},
    ]

    parsed = parse(LS, messages=messages)

    assert [tool.name for tool in callable_tools(parsed.conversation, parsed.wish)] == ["ls"]


def test_counting_reads_the_same_conversation() -> None:
    body = {"model": "m", "messages": searched("fetch"), "tools": [LS, FETCH], "thinking": {"type": "adaptive"}}

    assert parse_count(body).conversation == parse_messages(body | {"max_tokens": 9}).conversation


def test_no_history_is_too_odd_for_tools_that_are_not_given() -> None:
    assert parse_count({"model": "m", "messages": searched("fetch")}).conversation.tools == ()


def test_many_tools_keep_their_order() -> None:
    names = [f"tool_{number}" for number in range(300)]

    assert [tool.name for tool in parse(*named(*names)).conversation.tools] == names
