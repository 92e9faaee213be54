"""A conversation before any model's format: what the API makes of a request and a family makes a prompt of."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Role = Literal["user", "assistant", "system"]

JOINT = "\n\n"
"""Between the texts of one turn, and so between merged turns: models read blank lines as a change of topic."""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


Part = Text
"""What a turn holds. Tool use, tool results and thinking will join here."""


@dataclass(frozen=True, slots=True)
class Turn:
    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return JOINT.join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class Conversation:
    """`system` is "" for none. A trailing assistant turn is a prefill: the answer goes on from its last character.

    Neighbouring turns of one role count as one, as in Anthropic's API.
    """

    system: str
    turns: tuple[Turn, ...]

    def merged(self) -> "Conversation":
        """Equal, but with no two neighbours of one role."""
        turns: list[Turn] = []
        for turn in self.turns:
            if turns and turns[-1].role == turn.role:
                turns[-1] = replace(turns[-1], parts=turns[-1].parts + turn.parts)
            else:
                turns.append(turn)
        return replace(self, turns=tuple(turns))

    def without_system_turns(self) -> "Conversation":
        """For formats that know only user and assistant: later system turns become the user's words."""
        as_user = (replace(turn, role="user") if turn.role == "system" else turn for turn in self.turns)
        return replace(self, turns=tuple(as_user)).merged()

    def without_system(self) -> "Conversation":
        """For formats that have no system prompt at all: that too becomes the user's words."""
        if not self.system:
            return self.without_system_turns()
        turns = (Turn("system", (Text(self.system),)), *self.turns)
        return Conversation("", turns).without_system_turns()

    @property
    def prefill(self) -> str | None:
        """What the answer must go on from; None if it starts afresh. White space alone is no start."""
        if not self.turns or self.turns[-1].role != "assistant":
            return None
        return self.turns[-1].text if self.turns[-1].text.strip() else None


def conversation(system: str, turns: Iterable[tuple[Role, str]]) -> Conversation:
    """Build one from plain texts."""
    return Conversation(system, tuple(Turn(role, (Text(text),)) for role, text in turns))
