"""Tools that come into a conversation in its middle: defined there, as text, so that the prompt only grows."""

import json
from collections.abc import Mapping
from typing import Any

from api.wire import fields
from api.wire.tools import Toolbox, read_tool
from models.conversation import Tool


class ToolReferences:
    """Which of the request's tools may be called after all of the history that was read so far."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self._loaded: dict[str, Tool] = {}
        self._removed: set[str] = set()

    @property
    def loaded(self) -> tuple[Tool, ...]:
        """Those whose definition stands in the history and nowhere else."""
        return tuple(self._loaded.values())

    @property
    def removed(self) -> frozenset[str]:
        return frozenset(self._removed)

    def refer(self, name: str) -> str:
        """The text that stands where a block refers to the tool."""
        self._removed.discard(name)
        tool = self._toolbox.tools.get(name)
        if tool is None or name not in self._toolbox.deferred:
            return f"Tool {name} is available."
        if name in self._loaded:
            return f"Tool {name} is available, as defined above."
        self._loaded[name] = tool
        return _definition(tool)

    def add(self, block: dict[str, Any], path: str) -> str:
        """The text of a `tool_addition`, which refers to a tool or defines it."""
        given = fields.mapping(fields.present(block, "tool", f"{path}."), f"{path}.tool")
        if given.get("type") == "tool_reference":
            return self.refer(_name(given, f"{path}.tool"))
        inner = given.get("definition")
        tool = read_tool(inner if isinstance(inner, dict) else _plain(given), f"{path}.tool")
        self._removed.discard(tool.name)
        self._loaded[tool.name] = tool
        return _definition(tool)

    def remove(self, block: dict[str, Any], path: str) -> str:
        """The text of a `tool_removal`."""
        given = fields.mapping(fields.present(block, "tool", f"{path}."), f"{path}.tool")
        name = _name(given, f"{path}.tool")
        self._removed.add(name)
        self._loaded.pop(name, None)
        return f"Tool {name} is no longer available."


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if (name, value) != ("type", "tool_definition")}


def _name(given: Mapping[str, Any], path: str) -> str:
    field = "tool_name" if "tool_name" in given else "name"
    return fields.string(dict(given), field, f"{path}.")


def _definition(tool: Tool) -> str:
    definition = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
    return f"Tool {tool.name} is now available:\n{json.dumps(definition, ensure_ascii=False)}"
