"""Phi-3, Phi-3.5 and Phi-4-mini: `<|user|>`, text, `<|end|>`; newlines between them but for Phi-4-mini."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from models.conversation import JOINT, Conversation, Part, Text, ToolResult, ToolUse
from models.families.tools import call, described, in_order, outcome, runs, spelled_out
from models.families.turns import join, split_last_answer
from models.prompt import Markup, Segment
from models.syntax import AnswerSyntax, CallSyntax

CALLS = CallSyntax(opening="<|tool_call|>", closing="<|/tool_call|>", body="list", inside="", between="")


@dataclass(frozen=True, slots=True)
class Phi3:
    bos: str = ""
    """Early conversions write it, later ones don't."""
    newline: str = "\n"
    knows_tools: bool = False
    """Phi-4-mini has tokens for them."""
    name: str = "phi3"

    @property
    def syntax(self) -> AnswerSyntax:
        return AnswerSyntax(CALLS) if self.knows_tools else AnswerSyntax()

    def render(self, conversation: Conversation) -> list[Segment]:
        talk = in_order(conversation.merged()) if self.knows_tools else spelled_out(conversation)
        return join(self._segments(talk))

    def _segments(self, conversation: Conversation) -> Iterator[Segment]:
        turns, prefill = split_last_answer(conversation)
        yield Markup(self.bos)
        if conversation.system or conversation.tools:
            yield from self._system(conversation)
        for turn in turns:
            for is_result, parts in runs(turn):
                yield Markup(f"<|{'tool_response' if is_result else turn.role}|>{self.newline}")
                yield from _content(parts)
                yield Markup(f"<|end|>{self.newline}")
        yield Markup(f"<|assistant|>{self.newline}")
        yield from _content(prefill.parts if prefill else ())

    def _system(self, conversation: Conversation) -> Iterator[Segment]:
        yield Markup(f"<|system|>{self.newline}")
        yield conversation.system
        if conversation.tools:
            functions = [described(tool)["function"] for tool in conversation.tools]
            yield from (Markup("<|tool|>"), json.dumps(functions, ensure_ascii=False), Markup("<|/tool|>"))
        yield Markup(f"<|end|>{self.newline}")


def _at(parts: tuple[Part, ...], index: int) -> Part | None:
    return parts[index] if index < len(parts) else None


def _content(parts: tuple[Part, ...]) -> Iterator[Segment]:
    """Neighbouring calls share one list."""
    before: Part | None = None
    for index, part in enumerate(parts):
        match part:
            case Text(text):
                yield from (Markup(JOINT if isinstance(before, Text) else ""), text)
            case ToolResult():
                yield from (Markup(JOINT if before else ""), outcome(part))
            case ToolUse():
                yield Markup(", " if isinstance(before, ToolUse) else "<|tool_call|>[")
                yield call(part)
                yield Markup("" if isinstance(_at(parts, index + 1), ToolUse) else "]<|/tool_call|>")
            case _:
                continue
        before = part
