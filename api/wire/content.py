"""Content blocks to parts of a conversation, or a 400 that names the block."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from api.wire import documents, fields
from api.wire.seal import Seal
from api.wire.tool_references import ToolReferences
from models.conversation import Part, Text, Thinking, ToolResult, ToolUse
from queue_config.errors import InvalidRequest

_ONLY_IN = {"tool_use": "assistant", "thinking": "assistant", "redacted_thinking": "assistant", "tool_result": "user"}


def text_of(block: dict[str, Any], path: str) -> str:
    """The text of a block that must be a text block."""
    if fields.string(block, "type", f"{path}.") != "text":
        raise InvalidRequest(f"{path}.type: Input should be 'text'")
    return documents.plain_text(block, path)


def canonical(value: Any) -> str:
    """JSON as the model's own calls are spelled, whatever spaces and escapes the client used."""
    return json.dumps(value, ensure_ascii=False)


class ContentReader:
    """Reads a request's messages in their order: results need the calls before them, and references their tools."""

    def __init__(self, references: ToolReferences, seal: Seal) -> None:
        self._references = references
        self._seal = seal
        self._names: dict[str, str] = {}
        self._readers: dict[str, Callable[[dict[str, Any], str], Part | None]] = {
            "thinking": self._thinking,
            "redacted_thinking": lambda _block, _path: None,
            "tool_use": self._tool_use,
            "tool_result": self._tool_result,
        }

    def read(self, content: Any, path: str, role: str) -> tuple[Part, ...]:
        """The parts of a message's `content`, a string or an array of blocks; what is empty leaves none."""
        if isinstance(content, str):
            return (Text(content),) if content else ()
        if not isinstance(content, list):
            raise InvalidRequest(f"{path}: Input should be a valid string or a valid array")
        fields.check_length(content, path, fields.MAX_BLOCKS, "content blocks")
        parts = (self._part(item, f"{path}.{index}", role) for index, item in enumerate(content))
        return tuple(part for part in parts if part is not None)

    def _part(self, item: Any, path: str, role: str) -> Part | None:
        block = fields.mapping(item, path)
        kind = fields.string(block, "type", f"{path}.")
        if role != _ONLY_IN.get(kind, role):
            raise InvalidRequest(f"{path}: `{kind}` blocks can only be in `{_ONLY_IN[kind]}` messages")
        if kind in self._readers:
            return self._readers[kind](block, path)
        if kind == "text" and role == "user" and block.get("text") == "":
            raise InvalidRequest(f"{path}.text: text content blocks must be non-empty")
        text = self._text(kind, block, path, nested=False)
        return Text(text) if text else None

    def _thinking(self, block: dict[str, Any], path: str) -> Part | None:
        text = fields.string(block, "thinking", f"{path}.")
        signature = block.get("signature")
        if not text and isinstance(signature, str):
            text = self._seal.open(signature)
        return Thinking(text) if text else None

    def _tool_use(self, block: dict[str, Any], path: str) -> Part:
        use_id = fields.string(block, "id", f"{path}.")
        name = fields.string(block, "name", f"{path}.")
        if use_id in self._names:
            raise InvalidRequest(f"{path}: `tool_use` ids must be unique: {use_id}")
        self._names[use_id] = name
        return ToolUse(use_id, name, canonical(block.get("input", {})))

    def _tool_result(self, block: dict[str, Any], path: str) -> Part:
        use_id = fields.string(block, "tool_use_id", f"{path}.")
        text = self._result_text(block.get("content"), f"{path}.content")
        is_error = fields.boolean(block, "is_error", default=False, path=f"{path}.")
        return ToolResult(use_id, self._names.get(use_id, ""), text, is_error)

    def _result_text(self, content: Any, path: str) -> str:
        if content is None:
            return ""
        return documents.texts_in(content, path, partial(self._text, nested=True))

    def _text(self, kind: str, block: dict[str, Any], path: str, *, nested: bool) -> str:
        match kind:
            case "text":
                return documents.plain_text(block, path)
            case "document":
                return documents.document(block, path, nested=nested)
            case "search_result":
                return documents.search_result(block, path)
            case "image" if nested:
                return documents.IMAGE_NOTE
            case "image":
                raise InvalidRequest(f"{path}: images are not supported by this model")
            case _:
                return self._reference(kind, block, path)

    def _reference(self, kind: str, block: dict[str, Any], path: str) -> str:
        match kind:
            case "tool_reference":
                return self._references.refer(fields.string(block, "tool_name", f"{path}."))
            case "tool_addition":
                return self._references.add(block, path)
            case "tool_removal":
                return self._references.remove(block, path)
            case _ if kind in documents.FOREIGN:
                return documents.foreign(block)
        raise InvalidRequest(f"{path}.type: unknown content block type")
