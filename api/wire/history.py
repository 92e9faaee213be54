"""The request's `system` and `messages` as a system prompt and turns, in a form that only grows from turn to turn."""

from dataclasses import dataclass
from typing import Any, cast

from api.wire import fields
from api.wire.content import ContentReader, text_of
from api.wire.tool_pairs import check_pairs
from api.wire.version import WITHOUT_SAMPLING
from models.conversation import JOINT, Role, Turn
from queue_config.errors import InvalidRequest

MAX_MESSAGES = 100_000
_BILLING = "x-anthropic-billing-header:"


@dataclass(frozen=True, slots=True)
class History:
    system: str
    turns: tuple[Turn, ...]
    """Not empty."""


def read_history(body: dict[str, Any], version: str, reader: ContentReader) -> History:
    messages = fields.array(body, "messages")
    fields.check_length(messages, "messages", MAX_MESSAGES, "messages")
    turns = [_turn(message, index, version, reader) for index, message in enumerate(messages)]
    check_pairs(messages)
    return _with_system_first(read_system(body.get("system")), turns)


def read_system(value: Any) -> str:
    """A string or text blocks; Claude Code's first block differs with every conversation and means nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise InvalidRequest("system: Input should be a valid string or a valid array")
    fields.check_length(value, "system", fields.MAX_BLOCKS, "content blocks")
    texts = [text_of(fields.mapping(block, f"system.{index}"), f"system.{index}") for index, block in enumerate(value)]
    return JOINT.join(text for text in texts if text and not text.startswith(_BILLING))


def _with_system_first(system: str, turns: list[Turn]) -> History:
    """System messages at the very start, or right behind the first message, become the end of the system prompt.

    Nothing ever comes to stand before them in a conversation that goes on, so its prompt still only grows; and
    conversations that differ in the user's first words share all that comes before. Later ones stay in their place.
    """
    early = {index for index, turn in enumerate(turns[:2]) if turn.role == "system"}
    rest = tuple(turn for index, turn in enumerate(turns) if index not in early and turn.parts)
    if not rest:
        rest, early = tuple(turn for turn in turns if turn.parts), set()
    if not rest:
        raise InvalidRequest("messages: at least one message is required")
    texts = [system, *(turns[index].text for index in sorted(early))]
    return History(JOINT.join(text for text in texts if text), rest)


def _turn(message: Any, index: int, version: str, reader: ContentReader) -> Turn:
    path = f"messages.{index}"
    obj = fields.mapping(message, path)
    role = cast(Role, fields.one_of(obj, "role", ("user", "assistant", "system"), f"{path}."))
    blocks = fields.present(obj, "content", f"{path}.")
    if version >= WITHOUT_SAMPLING and isinstance(blocks, list):
        _check_blocks(role, blocks, path)
    parts = reader.read(blocks, f"{path}.content", role)
    if not parts and role == "user":
        raise InvalidRequest(f"{path}: user messages must have non-empty content")
    return Turn(role, parts)


def _check_blocks(role: str, blocks: list[Any], path: str) -> None:
    for index, block in enumerate(blocks):
        if not isinstance(block, dict):
            continue
        if role == "assistant" and block.get("type") == "document":
            raise InvalidRequest(f"{path}.content.{index}: documents are not allowed in assistant messages")
        if role == "user" and block.get("type") == "text" and block.get("citations"):
            raise InvalidRequest(f"{path}.content.{index}.citations: not allowed in user messages")
