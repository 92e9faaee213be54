"""Qwen 3: ChatML whose answers start with a thinking block; an empty one switches thinking off, as we do for now."""

from collections.abc import Iterator
from dataclasses import dataclass

from models.conversation import Conversation
from models.families.chatml import ChatML
from models.families.turns import join
from models.prompt import Markup, Segment

NO_THINKING = Markup("<think>\n\n</think>\n\n")


@dataclass(frozen=True, slots=True)
class Qwen3:
    name: str = "qwen3"

    def render(self, conversation: Conversation) -> list[Segment]:
        return join(self._segments(conversation))

    def _segments(self, conversation: Conversation) -> Iterator[Segment]:
        *before, last = ChatML().render(conversation)
        # What comes last is the header of the answer, or the prefill after it.
        if isinstance(last, Markup):
            yield from (*before, last, NO_THINKING)
        else:
            yield from (*before, NO_THINKING, last.lstrip("\n"))
