"""Messages of a chat template's kind, made of a conversation; people's words in them are masked."""

import json
from collections.abc import Iterator
from typing import Any

from models.conversation import JOINT, Conversation, Part, Text, Thinking, Tool, ToolResult, ToolUse, Turn
from models.families.call_ids import CallIds
from models.families.masks import Masks
from models.families.tools import described, outcome, runs
from models.families.turns import split_last_answer
from models.prompt import Markup
from models.syntax import AnswerSyntax

Message = dict[str, Any]


class Messages:
    """Of one prompt. Thoughts are put into the answers' text, since templates drop those of the past."""

    def __init__(self, masks: Masks, syntax: AnswerSyntax, *, in_parts: bool, strict: bool = True) -> None:
        """Unless `strict`, what is said beside a call may be lost: some formats have no place for it."""
        self._masks = masks
        self._think = syntax.think
        self._between = syntax.calls.between
        self._in_parts = in_parts
        self._strict = strict
        self._ids = CallIds()

    def all_of(self, conversation: Conversation) -> list[Message]:
        turns, prefill = split_last_answer(conversation)
        messages = [self._message("system", self._masks.text(conversation.system))] if conversation.system else []
        for turn in turns:
            messages += self._of_turn(turn)
        if prefill is not None:
            messages.append(self._message("assistant", self._answer(prefill)))
        return messages

    def tools(self, tools: tuple[Tool, ...]) -> list[Message] | None:
        return [self._masks.value(described(tool), required=False) for tool in tools] or None

    def _of_turn(self, turn: Turn) -> Iterator[Message]:
        if turn.role == "assistant":
            yield self._assistant(turn)
            return
        for is_result, parts in runs(turn):
            if is_result:
                yield from (self._result(part) for part in parts if isinstance(part, ToolResult))
            else:
                yield self._message(turn.role, self._masks.text(_joined(parts)))

    def _assistant(self, turn: Turn) -> Message:
        uses = [part for part in turn.parts if isinstance(part, ToolUse)]
        message = self._message("assistant", self._answer(turn, required=self._strict or not uses))
        return {**message, "tool_calls": [self._call(use) for use in uses]} if uses else message

    def _answer(self, turn: Turn, *, required: bool = True) -> str:
        think = self._think
        thoughts = [part.text for part in turn.parts if isinstance(part, Thinking)]
        if think is None or not (thoughts or think.opened):
            return self._masks.text(turn.text, required=required)
        before, after = Markup(think.opening + think.inside), Markup(think.inside + think.closing + think.after)
        if not turn.text and any(isinstance(part, ToolUse) for part in turn.parts):
            # The template writes this itself, as it would after a text.
            after = Markup(after.text.removesuffix(self._between))
        return self._masks.segments([before, JOINT.join(thoughts), after, turn.text], required=required)

    def _call(self, use: ToolUse) -> Message:
        arguments = json.loads(use.arguments)
        if not isinstance(arguments, dict):
            arguments = {"__unparsedToolInput": arguments}
        function = self._masks.value({"name": use.name, "arguments": arguments}, required=True)
        return {"id": self._ids.of(use.id), "type": "function", "function": function}

    def _result(self, result: ToolResult) -> Message:
        message = self._message("tool", self._masks.text(outcome(result)))
        name = self._masks.value(result.name, required=False)
        return {**message, "name": name, "tool_call_id": self._ids.of(result.tool_use_id)}

    def _message(self, role: str, text: str) -> Message:
        # Templates of models that see pictures look for a list, and print nothing of a plain text.
        return {"role": role, "content": [{"type": "text", "text": text}] if self._in_parts else text}


def _joined(parts: tuple[Part, ...]) -> str:
    return JOINT.join(part.text for part in parts if isinstance(part, Text))
