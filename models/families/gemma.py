"""Gemma 1 to 3: `<start_of_turn>user` and `model`; no system turn, so that text leads the first user turn."""

from collections.abc import Iterator
from dataclasses import dataclass

from models.conversation import JOINT, Conversation
from models.families.tools import spelled_out
from models.families.turns import alternating, join, split_prefill
from models.prompt import Markup, Segment
from models.syntax import AnswerSyntax


@dataclass(frozen=True, slots=True)
class Gemma:
    """It knows no markup for tools either; they are spelled out in the same place."""

    bos: str = "<bos>"
    name: str = "gemma"

    @property
    def syntax(self) -> AnswerSyntax:
        return AnswerSyntax()

    def render(self, conversation: Conversation) -> list[Segment]:
        return join(self._segments(alternating(spelled_out(conversation), "Gemma's format")))

    def _segments(self, conversation: Conversation) -> Iterator[Segment]:
        turns, prefill = split_prefill(conversation)
        lead = conversation.system + JOINT if conversation.system else ""
        yield Markup(self.bos)
        for index, turn in enumerate(turns):
            role = "user" if turn.role == "user" else "model"
            yield Markup(f"<start_of_turn>{role}\n")
            yield (lead if index == 0 else "") + turn.text.strip()
            yield Markup("<end_of_turn>\n")
        yield Markup("<start_of_turn>model\n")
        yield prefill.strip()
