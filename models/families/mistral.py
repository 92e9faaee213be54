"""Mistral's [INST] formats: user text in brackets, answers bare; versions differ in spaces and where system goes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from models.conversation import JOINT, Conversation
from models.families.turns import alternating, join, split_prefill
from models.prompt import Markup, Segment


@dataclass(frozen=True, slots=True)
class Mistral:
    """The system prompt stands in front of the first or of the last user turn, inside its brackets."""

    name: str
    opening: str
    closing: str
    before_answer: str
    system_in: Literal["first", "last"]
    strips_answers: bool = False
    bos: str = "<s>"
    eos: str = "</s>"

    def render(self, conversation: Conversation) -> list[Segment]:
        return join(self._segments(alternating(conversation, "Mistral's format")))

    def _segments(self, conversation: Conversation) -> Iterator[Segment]:
        turns, prefill = split_prefill(conversation)
        with_system = 0 if self.system_in == "first" else len(turns) - 1
        # With a prefill the last *message* is the assistant's; the template then forgets the system prompt, we don't.
        yield Markup(self.bos)
        for index, turn in enumerate(turns):
            if turn.role == "user":
                system = conversation.system + JOINT if conversation.system and index == with_system else ""
                yield Markup(self.opening)
                yield system + turn.text
                yield Markup(self.closing)
            else:
                yield Markup(self.before_answer)
                yield self._answer(turn.text)
                yield Markup(self.eos)
        if prefill:
            yield Markup(self.before_answer)
            yield self._answer(prefill)

    def _answer(self, text: str) -> str:
        return text.strip() if self.strips_answers else text


VERSIONS = (
    Mistral("mistral-v1", " [INST] ", " [/INST]", " ", "first"),
    Mistral("mistral-v1", "[INST] ", " [/INST]", "", "first"),
    Mistral("mistral-v3", "[INST] ", "[/INST]", " ", "last", strips_answers=True),
    Mistral("mistral-v3", "[INST] ", "[/INST]", " ", "last"),
    Mistral("mistral-tekken", "[INST]", "[/INST]", "", "last"),
)
