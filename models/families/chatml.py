"""ChatML: SmolLM2, Qwen 2.5 and 3, Phi-4 and many more; `<|im_start|>role`, text, `<|im_end|>`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from models.conversation import JOINT, Conversation, Part, Text, Thinking, ToolResult, ToolUse, Turn
from models.families.tools import (
    AFTER_TOOLS,
    BEFORE_TOOLS,
    call,
    definition,
    gap,
    in_order,
    outcome,
    runs,
    spelled_out,
)
from models.families.turns import join, split_last_answer
from models.prompt import Markup, Segment
from models.syntax import AnswerSyntax, ThinkSyntax

THINK = ThinkSyntax()
NO_THINKING = "<think>\n\n</think>\n\n"


@dataclass(frozen=True, slots=True)
class ChatML:
    default_system: str = ""
    """What the model is told where the caller gives no system prompt; "" for no system turn."""
    after_role: str = "\n"
    after_end: str = "\n"
    knows_tools: bool = False
    """The format has Hermes' markup for tools; otherwise they are spelled out in plain words."""
    thinks: bool = False
    """Answers start with a thinking block, as Qwen 3's do; an empty one switches thinking off."""
    shows_no_thinking: bool = True
    """An answer of the past that has no thoughts has an empty block, as it had when it was written. Templates leave it
    out, and with it goes all that was computed of the prompt behind it."""
    name: str = "chatml"

    @property
    def syntax(self) -> AnswerSyntax:
        return AnswerSyntax(think=THINK if self.thinks else None)

    def render(self, conversation: Conversation) -> list[Segment]:
        if not self.knows_tools:
            conversation = spelled_out(conversation, self.default_system)
        return join(self._segments(in_order(conversation.merged())))

    def _segments(self, conversation: Conversation) -> Iterator[Segment]:
        turns, prefill = split_last_answer(conversation)
        yield from self._system(conversation)
        for turn in turns:
            if turn.role == "assistant":
                yield from self._turn("assistant", self._answer(turn))
            else:
                for _, parts in runs(turn):
                    yield from self._turn(turn.role, _written(parts))
        yield Markup(f"<|im_start|>assistant{self.after_role}")
        if prefill is not None:
            yield from self._answer(prefill, goes_on=True)
        elif self.thinks and not conversation.thinking:
            yield Markup(NO_THINKING)

    def _system(self, conversation: Conversation) -> Iterator[Segment]:
        system: Segment = conversation.system or Markup(self.default_system)
        if not conversation.tools:
            if system != Markup(""):
                yield from self._turn("system", [system])
            return
        joint = JOINT if system != Markup("") else ""
        lines = [segment for tool in conversation.tools for segment in (Markup("\n"), definition(tool))]
        yield from self._turn("system", [system, Markup(joint + BEFORE_TOOLS), *lines, Markup(AFTER_TOOLS)])

    def _answer(self, turn: Turn, *, goes_on: bool = False) -> Iterator[Segment]:
        parts = [part for part in turn.parts if self.thinks or not isinstance(part, Thinking)]
        if self.thinks and not any(isinstance(part, Thinking) for part in parts[:1]):
            yield Markup(NO_THINKING if goes_on or self.shows_no_thinking else "")
            if goes_on and parts and isinstance(parts[0], Text):
                parts[0] = Text(parts[0].text.lstrip("\n"))
        yield from _written(parts)

    def _turn(self, role: str, content: Iterable[Segment]) -> Iterator[Segment]:
        yield Markup(f"<|im_start|>{role}{self.after_role}")
        yield from content
        yield Markup(f"<|im_end|>{self.after_end}")


def _written(parts: Iterable[Part]) -> Iterator[Segment]:
    before: Part | None = None
    for part in parts:
        yield Markup(gap(before, part))
        match part:
            case Text(text):
                yield text
            case Thinking(text):
                yield from (Markup("<think>\n"), text, Markup("\n</think>\n\n"))
            case ToolUse():
                yield from (Markup("<tool_call>\n"), call(part), Markup("\n</tool_call>"))
            case ToolResult():
                yield from (Markup("<tool_response>\n"), outcome(part), Markup("\n</tool_response>"))
        before = part


PHI4 = ChatML(after_role="<|im_sep|>", after_end="", name="phi4")
