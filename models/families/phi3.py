"""Phi-3, Phi-3.5 and Phi-4-mini: `<|user|>`, text, `<|end|>`; newlines between them but for Phi-4-mini."""

from collections.abc import Iterator
from dataclasses import dataclass

from models.conversation import Conversation
from models.families.turns import join, split_prefill
from models.prompt import Markup, Segment


@dataclass(frozen=True, slots=True)
class Phi3:
    bos: str = ""
    """Early conversions write it, later ones don't."""
    newline: str = "\n"
    name: str = "phi3"

    def render(self, conversation: Conversation) -> list[Segment]:
        return join(self._segments(conversation.merged()))

    def _segments(self, conversation: Conversation) -> Iterator[Segment]:
        turns, prefill = split_prefill(conversation)
        yield Markup(self.bos)
        if conversation.system:
            yield from self._turn("system", conversation.system)
        for turn in turns:
            yield from self._turn(turn.role, turn.text)
        yield Markup(f"<|assistant|>{self.newline}")
        yield prefill

    def _turn(self, role: str, text: str) -> Iterator[Segment]:
        yield Markup(f"<|{role}|>{self.newline}")
        yield text
        yield Markup(f"<|end|>{self.newline}")
