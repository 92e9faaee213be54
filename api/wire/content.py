"""Content blocks to the text that a text model reads, or a 400 that names the block."""

from collections.abc import Callable
from typing import Any

import orjson

from api.wire import fields
from models.conversation import Text
from queue_config.errors import InvalidRequest

MAX_BLOCKS = 1_000
IMAGE_NOTE = "[image omitted: this model reads text only]"
# What another provider's tools left in a history; we never produce these.
_FOREIGN = (
    "advisor_tool_result",
    "bash_code_execution_tool_result",
    "code_execution_tool_result",
    "compaction",
    "connector_text",
    "fallback",
    "mcp_tool_listing",
    "mcp_tool_result",
    "mcp_tool_use",
    "server_tool_use",
    "text_editor_code_execution_tool_result",
    "tool_addition",
    "tool_reference",
    "tool_removal",
    "tool_search_tool_result",
    "web_fetch_tool_result",
    "web_search_tool_result",
)


def read(content: Any, path: str, *, role: str) -> tuple[Text, ...]:
    """The text parts of a message's `content`, which is a string or an array of blocks.

    Empty text and thinking leave no part: thinking belongs to the turn that made it, and histories hold empty text.
    """
    if isinstance(content, str):
        return (Text(content),) if content else ()
    if not isinstance(content, list):
        raise InvalidRequest(f"{path}: Input should be a valid string or a valid array")
    if len(content) > MAX_BLOCKS:
        raise InvalidRequest(f"{path}: at most {MAX_BLOCKS} content blocks are allowed")
    return tuple(
        Text(text)
        for index, block in enumerate(content)
        if (text := _text(fields.mapping(block, f"{path}.{index}"), f"{path}.{index}", role))
    )


def text_of(block: dict[str, Any], path: str) -> str:
    """The text of a block that must be a text block."""
    if fields.string(block, "type", f"{path}.") != "text":
        raise InvalidRequest(f"{path}.type: Input should be 'text'")
    return _plain_text(block, path)


def _text(block: dict[str, Any], path: str, role: str) -> str:
    kind = fields.string(block, "type", f"{path}.")
    if kind == "text" and role == "user" and block.get("text") == "":
        raise InvalidRequest(f"{path}.text: text content blocks must be non-empty")
    reader = _READERS.get(kind, _refuse)
    return reader(block, path)


def _refuse(block: dict[str, Any], path: str) -> str:
    if block["type"] == "image":
        raise InvalidRequest(f"{path}: images are not supported by this model")
    raise InvalidRequest(f"{path}.type: unknown content block type")


def _plain_text(block: dict[str, Any], path: str) -> str:
    return fields.string(block, "text", f"{path}.")


def _nothing(_block: dict[str, Any], _path: str) -> str:
    return ""


def _tool_use(block: dict[str, Any], path: str) -> str:
    name = fields.string(block, "name", f"{path}.")
    arguments = orjson.dumps(block.get("input", {})).decode()
    return f"<tool_use>\n{name} {arguments}\n</tool_use>"


def _tool_result(block: dict[str, Any], path: str) -> str:
    return f"<tool_result>\n{_nested(block.get('content'), f'{path}.content', images=True)}\n</tool_result>"


def _document(block: dict[str, Any], path: str) -> str:
    source = fields.mapping(fields.present(block, "source", f"{path}."), f"{path}.source")
    kind = fields.string(source, "type", f"{path}.source.")
    if kind == "text":
        text = fields.string(source, "data", f"{path}.source.")
    elif kind == "content":
        text = _nested(fields.present(source, "content", f"{path}.source."), f"{path}.source.content", images=False)
    else:
        raise InvalidRequest(f"{path}.source.type: only 'text' and 'content' documents are supported by this model")
    title, context = block.get("title"), block.get("context")
    return "\n".join([*(part for part in (title, context) if isinstance(part, str) and part), text])


def _search_result(block: dict[str, Any], path: str) -> str:
    head = [fields.string(block, "title", f"{path}."), fields.string(block, "source", f"{path}.")]
    return "\n".join([*head, _nested(fields.array(block, "content", f"{path}."), f"{path}.content", images=False)])


def _nested(content: Any, path: str, *, images: bool) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidRequest(f"{path}: Input should be a valid string or a valid array")
    texts: list[str] = []
    for index, item in enumerate(content):
        block = fields.mapping(item, f"{path}.{index}")
        if images and block.get("type") == "image":
            texts.append(IMAGE_NOTE)
        else:
            texts.append(_text(block, f"{path}.{index}", "assistant"))
    return "\n".join(texts)


def _foreign(block: dict[str, Any], _path: str) -> str:
    return orjson.dumps({name: value for name, value in block.items() if name != "cache_control"}).decode()


_READERS: dict[str, Callable[[dict[str, Any], str], str]] = {
    "text": _plain_text,
    "thinking": _nothing,
    "redacted_thinking": _nothing,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "document": _document,
    "search_result": _search_result,
    **dict.fromkeys(_FOREIGN, _foreign),
}
