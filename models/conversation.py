"""A conversation before any model's format: what the API makes of a request and a family makes a prompt of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, groupby
from typing import Any, Literal

Role = Literal["user", "assistant", "system"]

JOINT = "\n\n"
"""Between the texts of one turn, and so between merged turns: models read blank lines as a change of topic."""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """What the assistant thought before it went on; never shown to formats that have no place for it."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The assistant called a tool."""

    id: str
    name: str
    arguments: str
    """One JSON value, nearly always an object, spelled as `json.dumps` does (", " and ": "), not escaped to ASCII."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the tool answered, in a user's turn. Somebody's text, like the user's own."""

    tool_use_id: str
    name: str
    """Of the tool; "" where the history doesn't have the call."""
    text: str
    is_error: bool = False


Part = Text | Thinking | ToolUse | ToolResult


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the answer may call."""

    name: str
    description: str
    schema: Mapping[str, Any]
    """JSON Schema of its arguments, an object."""
    strict: bool = False
    """The arguments must fit the schema even where the model would rather not."""


@dataclass(frozen=True, slots=True)
class Turn:
    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The texts alone, joined."""
        return JOINT.join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class Conversation:
    """`system` is "" for none. A trailing assistant turn is a prefill: the answer goes on from its last character.

    Neighbouring turns of one role count as one, as in Anthropic's API.
    """

    system: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    thinking: bool = False
    """The answer is to think first, in formats that can."""

    def merged(self) -> "Conversation":
        """Equal, but with no two neighbours of one role."""
        runs = groupby(self.turns, lambda turn: turn.role)
        # Piece by piece would take the square of the time: there may be 100,000 of one role.
        turns = (Turn(role, tuple(chain.from_iterable(turn.parts for turn in run))) for role, run in runs)
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
        return replace(self, system="", turns=turns).without_system_turns()

    def texts(self) -> Iterable[str]:
        """Everything in it that somebody wrote, tool definitions left out: its size is the prompt's, nearly."""
        for turn in self.turns:
            for part in turn.parts:
                yield part.arguments if isinstance(part, ToolUse) else part.text

    @property
    def prefill(self) -> str | None:
        """What the answer must go on from; None if it starts afresh. White space alone is no start."""
        if not self.turns or self.turns[-1].role != "assistant":
            return None
        return self.turns[-1].text if self.turns[-1].text.strip() else None


def conversation(system: str, turns: Iterable[tuple[Role, str]]) -> Conversation:
    """Build one from plain texts."""
    return Conversation(system, tuple(Turn(role, (Text(text),)) for role, text in turns))
