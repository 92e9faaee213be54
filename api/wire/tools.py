"""Tool definitions, and which of them may, must or may not be called."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from api.wire import fields
from api.wire.anthropic_tools import DEFINITIONS, SERVER_TOOLS, UNSEEN_TOOLS
from api.wire.wish import ToolChoice
from models.conversation import Tool
from queue_config.errors import InvalidRequest

MAX_TOOLS = 1_000
"""Claude Code sends the tools of all MCP servers that it knows, deferred ones among them: some have hundreds."""
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


_SHOWN = 64
"""Characters of a name that an error repeats."""


@dataclass(frozen=True, slots=True)
class Toolbox:
    """All tools of a request, by name and in order."""

    tools: Mapping[str, Tool]
    deferred: frozenset[str]
    """Their definitions come later in the conversation, where something refers to them."""

    @property
    def listed(self) -> tuple[Tool, ...]:
        """Those that the prompt's list shows."""
        return tuple(tool for name, tool in self.tools.items() if name not in self.deferred)


@dataclass(frozen=True, slots=True)
class Choice:
    kind: ToolChoice = "auto"
    name: str = ""
    parallel: bool = True

    @property
    def is_forced(self) -> bool:
        return self.kind in {"any", "tool"}


def read_tools(value: Any) -> Toolbox:
    """The request's `tools`, null and [] meaning none."""
    if value is None:
        return Toolbox({}, frozenset())
    if not isinstance(value, list):
        raise InvalidRequest("tools: Input should be a valid array")
    fields.check_length(value, "tools", MAX_TOOLS, "tools")
    tools: dict[str, Tool] = {}
    deferred: set[str] = set()
    for index, item in enumerate(value):
        path = f"tools.{index}"
        given = fields.mapping(item, path)
        tool = read_tool(given, path)
        if tool.name in tools:
            raise InvalidRequest("tools: Tool names must be unique.")
        tools[tool.name] = tool
        if fields.boolean(given, "defer_loading", default=False, path=f"{path}."):
            deferred.add(tool.name)
    return Toolbox(tools, frozenset(deferred))


def read_tool(given: dict[str, Any], path: str) -> Tool:
    """One definition."""
    kind = given.get("type")
    if kind is not None and not isinstance(kind, str):
        raise InvalidRequest(f"{path}.type: Input should be a valid string")
    if kind in {None, "custom"}:
        name = _name(given, path)
        description = given.get("description")
        if description is not None and not isinstance(description, str):
            raise InvalidRequest(f"{path}.description: Input should be a valid string")
        schema = _schema(given, path)
    else:
        description, schema = _predefined(kind, given, path)
        name = _name(given, path)
    return Tool(name, description or "", schema, strict=fields.boolean(given, "strict", default=False, path=f"{path}."))


def read_choice(value: Any, toolbox: Toolbox) -> Choice:
    """The request's `tool_choice`."""
    if value is None:
        return Choice()
    given = fields.mapping(value, "tool_choice")
    kind = cast(ToolChoice, fields.one_of(given, "type", ("auto", "any", "tool", "none"), "tool_choice."))
    single = fields.boolean(given, "disable_parallel_tool_use", default=False, path="tool_choice.")
    name = fields.string(given, "name", "tool_choice.") if kind == "tool" else ""
    choice = Choice(kind, name, parallel=not single)
    if choice.is_forced and not toolbox.tools:
        raise InvalidRequest("tool_choice: may only be specified while providing tools")
    if name and name not in toolbox.tools:
        raise InvalidRequest(f"tool_choice: Tool '{name}' not found in provided tools")
    return choice


def _name(given: dict[str, Any], path: str) -> str:
    name = fields.string(given, "name", f"{path}.")
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"{path}.name: String should match pattern '^{_NAME.pattern}$'")
    return name


def _schema(given: dict[str, Any], path: str) -> dict[str, Any]:
    schema = fields.schema(fields.present(given, "input_schema", f"{path}."), f"{path}.input_schema")
    fields.one_of(schema, "type", ("object",), f"{path}.input_schema.")
    return schema


def _predefined(kind: str, given: dict[str, Any], path: str) -> tuple[str, dict[str, Any]]:
    if kind in DEFINITIONS:
        return DEFINITIONS[kind]
    tool = f"the tool '{str(given.get('name', kind))[:_SHOWN]}' ({kind[:_SHOWN]})"
    if kind.startswith(SERVER_TOOLS):
        raise InvalidRequest(f"{path}: {tool} would be run by the server, and this one runs no tools itself")
    if kind.startswith(UNSEEN_TOOLS):
        raise InvalidRequest(f"{path}: {tool} needs a model that sees images")
    raise InvalidRequest(f"{path}.type: {tool} is of an unknown type")
