"""Chat messages to a conversation, or a 400 that names the message."""

import json
from typing import Any

from api.wire import fields, strict_json
from api.wire_openai.ids import tool_use_id
from models.conversation import Part, Text, Thinking, ToolResult, ToolUse, Turn
from queue_config.errors import InvalidRequest

MAX_MESSAGES = 100_000
MAX_CALLS = 1_000
_ROLES = ("system", "developer", "user", "assistant", "tool")


def read_history(body: dict[str, Any]) -> tuple[Turn, ...]:
    """One turn a message; those that lead with role `system` are still among them."""
    messages = fields.array(body, "messages")
    if not messages:
        raise InvalidRequest("messages: at least one message is required")
    fields.check_length(messages, "messages", MAX_MESSAGES, "messages")
    reader = _History()
    turns = tuple(reader.read(message, f"messages.{index}") for index, message in enumerate(messages))
    reader.check_answered(f"messages.{len(messages) - 1}")
    return turns


class _History:
    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        """Of every call so far, by its id."""
        self._open: set[str] = set()
        """The calls that have no result yet."""

    def read(self, value: Any, path: str) -> Turn:
        message = fields.mapping(value, path)
        role = fields.one_of(message, "role", _ROLES, f"{path}.")
        if role == "tool":
            return Turn("user", (self._result(message, path),))
        self.check_answered(path)
        if role == "assistant":
            return Turn("assistant", self._answer(message, path))
        text = _texts(fields.present(message, "content", f"{path}."), f"{path}.content")
        return Turn("user" if role == "user" else "system", text)

    def check_answered(self, path: str) -> None:
        if self._open:
            missing = ", ".join(sorted(self._open))
            raise InvalidRequest(
                f"{path}: an assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'; there is none for {missing}"
            )

    def _result(self, message: dict[str, Any], path: str) -> ToolResult:
        call = fields.string(message, "tool_call_id", f"{path}.")
        if call not in self._open:
            raise InvalidRequest(f"{path}: messages with role 'tool' must be a response to a preceding 'tool_calls'")
        self._open.remove(call)
        texts = _texts(fields.present(message, "content", f"{path}."), f"{path}.content")
        return ToolResult(tool_use_id(call), self._names[call], "\n".join(part.text for part in texts))

    def _answer(self, message: dict[str, Any], path: str) -> tuple[Part, ...]:
        thinking = message.get("reasoning_content") or message.get("reasoning") or ""
        if not isinstance(thinking, str):
            raise InvalidRequest(f"{path}.reasoning_content: Input should be a valid string")
        content = message.get("content")
        if content is None:
            content = message.get("refusal") or ""
        texts = tuple(text for text in _texts(content, f"{path}.content") if text.text)
        calls = self._calls(message, path)
        if content == "" and not calls and "content" not in message and "refusal" not in message:
            raise InvalidRequest(f"{path}.content: Field required unless there are 'tool_calls'")
        return (*((Thinking(thinking),) if thinking else ()), *texts, *calls)

    def _calls(self, message: dict[str, Any], path: str) -> tuple[ToolUse, ...]:
        if message.get("tool_calls") is None:
            return ()
        calls = fields.array(message, "tool_calls", f"{path}.")
        fields.check_length(calls, f"{path}.tool_calls", MAX_CALLS, "calls")
        return tuple(self._call(call, f"{path}.tool_calls.{index}") for index, call in enumerate(calls))

    def _call(self, value: Any, path: str) -> ToolUse:
        call = fields.mapping(value, path)
        call_id = fields.string(call, "id", f"{path}.")
        if call.get("type", "function") != "function":
            raise InvalidRequest(f"{path}.type: Input should be 'function'")
        function = fields.mapping(fields.present(call, "function", f"{path}."), f"{path}.function")
        name = fields.string(function, "name", f"{path}.function.")
        arguments = fields.string(function, "arguments", f"{path}.function.")
        self._names[call_id] = name
        self._open.add(call_id)
        return ToolUse(tool_use_id(call_id), name, _spelled(arguments))


def _spelled(arguments: str) -> str:
    """The arguments as every call in a conversation is spelled; what is no JSON becomes a string of it."""
    try:
        value = strict_json.parse(arguments) if arguments.strip() else {}
    except InvalidRequest:
        value = arguments
    return json.dumps(value, ensure_ascii=False)


def _texts(content: Any, path: str) -> tuple[Text, ...]:
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list):
        raise InvalidRequest(f"{path}: Input should be a valid string or a valid array")
    fields.check_length(content, path, fields.MAX_BLOCKS, "content parts")
    return tuple(
        Text(_text(fields.mapping(part, f"{path}.{index}"), f"{path}.{index}")) for index, part in enumerate(content)
    )


def _text(part: dict[str, Any], path: str) -> str:
    match fields.string(part, "type", f"{path}."):
        case "text":
            return fields.string(part, "text", f"{path}.")
        case "refusal":
            return fields.string(part, "refusal", f"{path}.")
        case "image_url" | "input_audio" | "file" | "video_url" as kind:
            raise InvalidRequest(f"{path}: '{kind}' is not supported by this model, which reads text only")
    raise InvalidRequest(f"{path}.type: Input should be 'text'")
