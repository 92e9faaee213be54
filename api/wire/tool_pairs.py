"""Calls and their results: each call is answered in the very next message, and nothing else is."""

from typing import Any

from queue_config.errors import InvalidRequest

_WITHOUT_RESULT = (
    "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. "
    "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
)
_WITHOUT_CALL = (
    "messages.{}.content.{}: unexpected `tool_use_id` found in `tool_result` blocks: {}. "
    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
)
_TWICE = "messages.{}.content.{}: each tool_use must have a single result. Found multiple results for: {}"


def check_pairs(messages: list[dict[str, Any]]) -> None:
    """Raise InvalidRequest, in words that clients know, for the first call or result that stands alone.

    Messages of one role in a row count as one; system messages may stand anywhere.
    """
    turn = _Turn(0)
    last_role = ""
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "system":
            continue
        if role == "assistant" != last_role:
            turn.check_answered()
            turn = _Turn(index)
        last_role = role
        if role == "assistant":
            turn.call(index, message)
        else:
            turn.answer(index, message)
    turn.check_answered()


class _Turn:
    """An answer's calls, and the results that the user's next turn brings."""

    def __init__(self, index: int) -> None:
        self._index = index
        """Of the last message with calls."""
        self._calls: dict[str, None] = {}
        self._answered: set[str] = set()

    def call(self, index: int, message: dict[str, Any]) -> None:
        if calls := _ids(message, "tool_use", "id"):
            self._index = index
            self._calls |= dict.fromkeys(call for _, call in calls)

    def answer(self, index: int, message: dict[str, Any]) -> None:
        for at, result in _ids(message, "tool_result", "tool_use_id"):
            if result not in self._calls:
                raise InvalidRequest(_WITHOUT_CALL.format(index, at, result))
            if result in self._answered:
                raise InvalidRequest(_TWICE.format(index, at, result))
            self._answered.add(result)

    def check_answered(self) -> None:
        if missing := [call for call in self._calls if call not in self._answered]:
            raise InvalidRequest(_WITHOUT_RESULT.format(self._index, ", ".join(missing)))


def _ids(message: dict[str, Any], kind: str, field: str) -> list[tuple[int, str]]:
    content = message["content"]
    if not isinstance(content, list):
        return []
    return [(at, block[field]) for at, block in enumerate(content) if block["type"] == kind]
