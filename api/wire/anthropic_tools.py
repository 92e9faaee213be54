"""Tools that Anthropic defines and its clients run: a type and a name on the wire, a definition for the model here."""

from typing import Any

_PATH = {"type": "string", "description": "Path of the file or directory."}
_TEXT = {"type": "string"}
_LINE = {"type": "integer", "minimum": 0}
_RANGE = {
    "type": "array",
    "items": {"type": "integer"},
    "minItems": 2,
    "maxItems": 2,
    "description": "First and last line to show, counted from 1; -1 as the last is the end of the file.",
}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _commands(*names: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(names), "description": "What to do."}


def _editor(*commands: str) -> dict[str, Any]:
    return _object(
        ["command", "path"],
        command=_commands(*commands),
        path=_PATH,
        view_range=_RANGE,
        file_text=_TEXT | {"description": "For create: the content of the new file."},
        old_str=_TEXT | {"description": "For str_replace: the text to replace; must occur exactly once."},
        new_str=_TEXT | {"description": "For str_replace: its replacement."},
        insert_line=_LINE | {"description": "For insert: the line after which to insert; 0 is the beginning."},
        insert_text=_TEXT | {"description": "For insert: the text to insert."},
    )


_BASH = (
    "Run a command in a bash shell that lives on from call to call. Give `restart` instead to start it afresh.",
    _object(
        [],
        command=_TEXT | {"description": "The command to run."},
        restart={"type": "boolean", "description": "True starts the shell afresh."},
    ),
)
_EDITOR_TEXT = (
    "View, create and edit text files. `view` shows a file or lists a directory; `str_replace` replaces one text."
)
_EDITOR = (_EDITOR_TEXT, _editor("view", "create", "str_replace", "insert"))
_EDITOR_WITH_UNDO = (_EDITOR_TEXT, _editor("view", "create", "str_replace", "insert", "undo_edit"))
_MEMORY = (
    "A folder /memories that lives on between conversations. View it before a task; keep in it what will be needed.",
    _object(
        ["command"],
        command=_commands("view", "create", "str_replace", "insert", "delete", "rename"),
        path=_PATH,
        view_range=_RANGE,
        file_text=_TEXT | {"description": "For create: the content of the new file."},
        old_str=_TEXT | {"description": "For str_replace: the text to replace."},
        new_str=_TEXT | {"description": "For str_replace: its replacement."},
        insert_line=_LINE | {"description": "For insert: the line after which to insert."},
        insert_text=_TEXT | {"description": "For insert: the text to insert."},
        old_path=_PATH | {"description": "For rename: the path now."},
        new_path=_PATH | {"description": "For rename: the new path."},
    ),
)

DEFINITIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "bash_20241022": _BASH,
    "bash_20250124": _BASH,
    "text_editor_20241022": _EDITOR_WITH_UNDO,
    "text_editor_20250124": _EDITOR_WITH_UNDO,
    "text_editor_20250429": _EDITOR,
    "text_editor_20250728": _EDITOR,
    "memory_20250818": _MEMORY,
}
"""Description and input schema, by type."""

SERVER_TOOLS = ("web_search_", "web_fetch_", "code_execution_", "tool_search_tool_", "advisor_", "mcp_toolset")
"""How the types of those begin that the server itself would run."""
UNSEEN_TOOLS = ("computer_", "browser_")
"""Of those that work on pictures."""
