"""Documents, search results and what other providers' tools left, as the text that a text model reads."""

from collections.abc import Callable
from typing import Any

import orjson

from api.wire import fields
from queue_config.errors import InvalidRequest

IMAGE_NOTE = "[image omitted: this model reads text only]"
DOCUMENT_NOTE = "[document omitted: this model reads text only]"
FOREIGN = frozenset(
    {
        "advisor_redacted_result",
        "advisor_tool_result",
        "bash_code_execution_tool_result",
        "browser_state",
        "code_execution_tool_result",
        "compaction",
        "connector_text",
        "container_upload",
        "fallback",
        "mcp_tool_listing",
        "mcp_tool_result",
        "mcp_tool_use",
        "server_tool_use",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "web_fetch_tool_result",
        "web_search_tool_result",
    }
)
"""Blocks of histories that another provider began; we never produce these."""


def plain_text(block: dict[str, Any], path: str) -> str:
    """The text of a text block."""
    return fields.string(block, "text", f"{path}.")


def document(block: dict[str, Any], path: str, *, nested: bool) -> str:
    """Title, context and text; what is no text is refused by name, or noted where it is part of a tool's result."""
    source = fields.mapping(fields.present(block, "source", f"{path}."), f"{path}.source")
    kind = fields.string(source, "type", f"{path}.source.")
    if kind == "text":
        text = fields.string(source, "data", f"{path}.source.")
    elif kind == "content":
        text = texts_in(fields.present(source, "content", f"{path}.source."), f"{path}.source.content", _text_alone)
    elif nested:
        text = DOCUMENT_NOTE
    else:
        raise InvalidRequest(f"{path}.source.type: only 'text' and 'content' documents are supported by this model")
    title, context = block.get("title"), block.get("context")
    return "\n".join([*(part for part in (title, context) if isinstance(part, str) and part), text])


def search_result(block: dict[str, Any], path: str) -> str:
    head = [fields.string(block, "title", f"{path}."), fields.string(block, "source", f"{path}.")]
    return "\n".join([*head, texts_in(fields.array(block, "content", f"{path}."), f"{path}.content", _text_alone)])


def foreign(block: dict[str, Any]) -> str:
    """The block's own JSON, without what only its maker can read."""
    content = block.get("content")
    if block["type"] == "compaction" and isinstance(content, str):
        return content
    return orjson.dumps(_readable(block)).decode()


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        unread = ("cache_control", "signature")
        return {
            name: _readable(inner)
            for name, inner in value.items()
            if name not in unread and not name.startswith("encrypted_")
        }
    return [_readable(inner) for inner in value] if isinstance(value, list) else value


def texts_in(content: Any, path: str, text_of: Callable[[str, dict[str, Any], str], str]) -> str:
    """The text of a string or of an array of blocks; `text_of` reads one block: its type, itself, its path."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidRequest(f"{path}: Input should be a valid string or a valid array")
    fields.check_length(content, path, fields.MAX_BLOCKS, "content blocks")
    texts: list[str] = []
    for index, item in enumerate(content):
        block = fields.mapping(item, f"{path}.{index}")
        kind = fields.string(block, "type", f"{path}.{index}.")
        texts.append(text_of(kind, block, f"{path}.{index}"))
    return "\n".join(texts)


def _text_alone(kind: str, block: dict[str, Any], path: str) -> str:
    if kind == "image":
        raise InvalidRequest(f"{path}: images are not supported by this model")
    if kind != "text":
        raise InvalidRequest(f"{path}.type: Input should be 'text'")
    return plain_text(block, path)
