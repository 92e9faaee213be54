"""ChatML: SmolLM2, Qwen 2.5, Phi-4 and many more; `<|im_start|>role`, text, `<|im_end|>`."""

from collections.abc import Iterator
from dataclasses import dataclass

from models.conversation import Conversation
from models.families.turns import join, split_prefill
from models.prompt import Markup, Segment


@dataclass(frozen=True, slots=True)
class ChatML:
    default_system: str = ""
    """What the model is told where the caller gives no system prompt; "" for no system turn."""
    after_role: str = "\n"
    after_end: str = "\n"
    name: str = "chatml"

    def render(self, conversation: Conversation) -> list[Segment]:
        return join(self._segments(conversation.merged()))

    def _segments(self, conversation: Conversation) -> Iterator[Segment]:
        turns, prefill = split_prefill(conversation)
        if conversation.system:
            yield from self._turn("system", conversation.system)
        elif self.default_system:
            yield from self._turn("system", Markup(self.default_system))
        for turn in turns:
            yield from self._turn(turn.role, turn.text)
        yield Markup(f"<|im_start|>assistant{self.after_role}")
        yield prefill

    def _turn(self, role: str, text: Segment) -> Iterator[Segment]:
        yield Markup(f"<|im_start|>{role}{self.after_role}")
        yield text
        yield Markup(f"<|im_end|>{self.after_end}")


PHI4 = ChatML(after_role="<|im_sep|>", after_end="", name="phi4")
