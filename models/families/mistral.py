"""Mistral's [INST] formats: user text in brackets, answers bare; versions differ in spaces, and in knowing tools."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from models.conversation import JOINT, Conversation, Part, Text, ToolResult, ToolUse, Turn
from models.families.call_ids import CallIds
from models.families.tools import definition, in_order, outcome, runs, spelled_out
from models.families.turns import alternating, join, split_last_answer
from models.prompt import Markup, Segment
from models.syntax import AnswerSyntax, CallSyntax


@dataclass(frozen=True, slots=True)
class Mistral:
    """The system prompt stands in front of the first user turn, inside its brackets, and the tools before those.

    From version 3 on, templates put both at the last user turn instead. There each new turn would move them, and
    nothing computed of the prompt so far would serve again.
    """

    name: str
    opening: str
    closing: str
    before_answer: str
    strips_answers: bool = False
    knows_tools: bool = False
    bos: str = "<s>"
    eos: str = "</s>"

    @property
    def syntax(self) -> AnswerSyntax:
        if not self.knows_tools:
            return AnswerSyntax()
        space = " " if self.opening.endswith(" ") else ""
        return AnswerSyntax(CallSyntax("[TOOL_CALLS]", closing="", body="list", inside=space, between=""))

    def render(self, conversation: Conversation) -> list[Segment]:
        talk = in_order(conversation) if self.knows_tools else spelled_out(conversation)
        return join(self._segments(alternating(talk, "Mistral's format")))

    def _segments(self, conversation: Conversation) -> Iterator[Segment]:
        turns, prefill = split_last_answer(conversation)
        ids = CallIds()
        yield Markup(self.bos)
        yield from self._tools(conversation)
        system = conversation.system + JOINT if conversation.system else ""
        for turn in turns:
            if turn.role == "user":
                yield from self._user(turn, ids, system)
                system = ""
            else:
                yield from self._answer(turn, ids)
                yield Markup(self.eos)
        if prefill:
            yield from self._answer(prefill, ids)

    def _tools(self, conversation: Conversation) -> Iterator[Segment]:
        if conversation.tools:
            yield Markup("[AVAILABLE_TOOLS]" + self.syntax.calls.inside)
            yield f"[{', '.join(definition(tool) for tool in conversation.tools)}]"
            yield Markup("[/AVAILABLE_TOOLS]")

    def _user(self, turn: Turn, ids: CallIds, system: str) -> Iterator[Segment]:
        if system and not turn.text:
            yield from (Markup(self.opening), system.removesuffix(JOINT), Markup(self.closing))
        for is_result, parts in runs(turn):
            if is_result:
                yield from (segment for part in parts for segment in self._result(part, ids))
            else:
                yield Markup(self.opening)
                yield system + JOINT.join(part.text for part in parts if isinstance(part, Text))
                yield Markup(self.closing)
                system = ""

    def _result(self, part: Part, ids: CallIds) -> Iterator[Segment]:
        if isinstance(part, ToolResult):
            yield Markup(f'[TOOL_RESULTS]{self.syntax.calls.inside}{{"content": ')
            yield outcome(part)
            yield Markup(f', "call_id": "{ids.of(part.tool_use_id)}"}}[/TOOL_RESULTS]')

    def _answer(self, turn: Turn, ids: CallIds) -> Iterator[Segment]:
        text = turn.text.strip() if self.strips_answers else turn.text
        uses = [part for part in turn.parts if isinstance(part, ToolUse)]
        if text or not uses:
            yield Markup(self.before_answer)
            yield text
        if uses:
            yield Markup("[TOOL_CALLS]" + self.syntax.calls.inside)
            yield f"[{', '.join(_call(use, ids) for use in uses)}]"


def _call(use: ToolUse, ids: CallIds) -> str:
    name = json.dumps(use.name, ensure_ascii=False)
    return f'{{"name": {name}, "arguments": {use.arguments}, "id": "{ids.of(use.id)}"}}'


_WITHOUT_TOOLS = (
    Mistral("mistral-v1", " [INST] ", " [/INST]", " "),
    Mistral("mistral-v1", "[INST] ", " [/INST]", ""),
    Mistral("mistral-v3", "[INST] ", "[/INST]", " ", strips_answers=True),
    Mistral("mistral-v3", "[INST] ", "[/INST]", " "),
    Mistral("mistral-tekken", "[INST]", "[/INST]", ""),
)
VERSIONS = (*_WITHOUT_TOOLS, *(replace(version, knows_tools=True) for version in _WITHOUT_TOOLS[2:]))
