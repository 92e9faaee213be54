"""Tools and the choice among them, by OpenAI's names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from api.wire import fields
from api.wire.tools import MAX_TOOLS
from api.wire.wish import ToolChoice
from models.conversation import Tool
from queue_config.errors import InvalidRequest

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_NO_ARGUMENTS = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class Toolbox:
    tools: tuple[Tool, ...]
    choice: ToolChoice = "auto"
    name: str = ""
    """The tool that must be called where the choice is `tool`, else ""."""
    removed: frozenset[str] = frozenset()
    """Those that the prompt shows and the answer may not call."""

    @property
    def is_forced(self) -> bool:
        return self.choice in {"any", "tool"}


def read_toolbox(given: dict[str, Any]) -> Toolbox:
    """`given` has no nulls; InvalidRequest names the field that is wrong."""
    for name in ("functions", "function_call"):
        if name in given:
            raise InvalidRequest(f"{name}: deprecated and not supported; use 'tools' and 'tool_choice'")
    tools = _tools(given)
    choice = given.get("tool_choice", "auto")
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        return _allowed(tools, choice)
    return _chosen(tools, choice)


def _tools(given: dict[str, Any]) -> tuple[Tool, ...]:
    if "tools" not in given:
        return ()
    tools = fields.array(given, "tools")
    fields.check_length(tools, "tools", MAX_TOOLS, "tools")
    read = tuple(_tool(tool, f"tools.{index}") for index, tool in enumerate(tools))
    if len({tool.name for tool in read}) < len(read):
        raise InvalidRequest("tools: Tool names must be unique.")
    return read


def _tool(value: Any, path: str) -> Tool:
    tool = fields.mapping(value, path)
    if fields.string(tool, "type", f"{path}.") != "function":
        raise InvalidRequest(f"{path}.type: only 'function' tools are supported")
    function = fields.mapping(fields.present(tool, "function", f"{path}."), f"{path}.function")
    name = fields.string(function, "name", f"{path}.function.")
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"{path}.function.name: String should match pattern '^{_NAME.pattern}$'")
    description = function.get("description") or ""
    if not isinstance(description, str):
        raise InvalidRequest(f"{path}.function.description: Input should be a valid string")
    schema = fields.schema(function.get("parameters") or _NO_ARGUMENTS, f"{path}.function.parameters")
    if schema.get("type", "object") != "object":
        raise InvalidRequest(f"{path}.function.parameters.type: Input should be 'object'")
    return Tool(
        name, description, {"type": "object"} | schema, strict=fields.boolean(function, "strict", default=False)
    )


def _chosen(tools: tuple[Tool, ...], choice: Any) -> Toolbox:
    if isinstance(choice, dict):
        name = _function_name(choice, "tool_choice")
        _check_known(tools, [name])
        return Toolbox(tools, "tool", name)
    match choice:
        case "none" | "auto":
            return Toolbox(tools, choice)
        case "required" if tools:
            return Toolbox(tools, "any")
        case "required":
            raise InvalidRequest("tool_choice: may only be 'required' while providing tools")
    raise InvalidRequest("tool_choice: Input should be 'none', 'auto', 'required' or an object that names a function")


def _allowed(tools: tuple[Tool, ...], choice: dict[str, Any]) -> Toolbox:
    path = "tool_choice.allowed_tools"
    allowed = fields.mapping(choice.get("allowed_tools", choice), path)
    mode = fields.one_of(allowed, "mode", ("auto", "required"), f"{path}.")
    listed = fields.array(allowed, "tools", f"{path}.")
    fields.check_length(listed, f"{path}.tools", MAX_TOOLS, "tools")
    names = [
        _function_name(fields.mapping(tool, f"{path}.tools.{index}"), f"{path}.tools.{index}")
        for index, tool in enumerate(listed)
    ]
    _check_known(tools, names)
    if not names:
        return _chosen((), mode)
    return replace(_chosen(tools, mode), removed=frozenset(tool.name for tool in tools) - frozenset(names))


def _function_name(choice: dict[str, Any], path: str) -> str:
    if choice.get("type") != "function":
        raise InvalidRequest(f"{path}.type: Input should be 'function'")
    function = fields.mapping(fields.present(choice, "function", f"{path}."), f"{path}.function")
    return fields.string(function, "name", f"{path}.function.")


def _check_known(tools: Sequence[Tool], names: list[str]) -> None:
    known = {tool.name for tool in tools}
    for name in names:
        if name not in known:
            raise InvalidRequest(f"tool_choice: Tool '{name}' not found in provided tools")
