"""Llama 3: role headers and `<|eot_id|>`; from 3.1 on, the system turn starts with two lines about dates."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from models.conversation import Conversation
from models.families.turns import join, split_prefill
from models.prompt import Markup, Segment

CUTOFF = "Cutting Knowledge Date: December 2023\n"


@dataclass(frozen=True, slots=True)
class Llama3:
    bos: str = "<|begin_of_text|>"
    today: Callable[[], str] | None = None
    """The date that the system turn states, as "26 Jul 2024"; None (Llama 3.0) for no such lines."""
    name: str = "llama3"

    def render(self, conversation: Conversation) -> list[Segment]:
        return join(self._segments(conversation.merged()))

    def _segments(self, conversation: Conversation) -> Iterator[Segment]:
        turns, prefill = split_prefill(conversation)
        yield Markup(self.bos)
        preamble = f"{CUTOFF}Today Date: {self.today()}\n\n" if self.today else ""
        if preamble or conversation.system:
            yield from self._turn("system", conversation.system, preamble)
        for turn in turns:
            yield from self._turn(turn.role, turn.text)
        yield Markup(_header("assistant"))
        yield prefill.strip()

    def _turn(self, role: str, text: str, preamble: str = "") -> Iterator[Segment]:
        yield Markup(_header(role) + preamble)
        yield text.strip()
        yield Markup("<|eot_id|>")


def _header(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"
