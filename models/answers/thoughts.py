"""Thoughts: the thinking that an answer begins with, and where the answer proper starts."""

from typing import Literal

from models.answers.markers import Markers
from models.answers.parts import Thought
from models.syntax import ThinkSyntax

Stage = Literal["before", "opened", "thinking", "after", "over"]


class Thoughts:
    """Push text until `over`; `rest` is then the beginning of the answer proper.

    Not `asked` for, thinking that comes all the same is read and left out.
    """

    def __init__(self, syntax: ThinkSyntax, *, asked: bool) -> None:
        self.rest = ""
        """Text that isn't taken apart yet."""
        self._syntax = syntax
        self._asked = asked
        self._opened = asked and syntax.opened
        self._stage: Stage = "before"
        self._blank = ""
        """White space that thoughts may yet follow; alone it is none."""
        self._thought_of_something = False
        self._closings = Markers({syntax.inside + syntax.closing, syntax.closing})

    @property
    def over(self) -> bool:
        return self._stage == "over"

    @property
    def inside(self) -> bool:
        """The next token is thinking."""
        return self._stage in {"opened", "thinking"} or (self._stage == "before" and self._opened)

    def push(self, text: str) -> list[Thought]:
        self.rest += text
        thoughts: list[Thought] = []
        if self._stage == "before":
            self._begin()
        if self._stage == "opened":
            self._strip(self._syntax.inside, "thinking")
        if self._stage == "thinking":
            thoughts = self._think()
        if self._stage == "after":
            self._strip(self._syntax.after, "over")
        return thoughts

    def end(self, *, cut: bool) -> list[Thought]:
        """Nothing follows. `rest` is then what is left for the answer proper."""
        stage, self._stage = self._stage, "over"
        if stage == "before" and not self._opened:
            return []
        rest, self.rest = self.rest, ""
        if stage == "after" or stage == "over":
            return []
        return self._thought(rest[: len(rest) - self._closings.held(rest)] if cut else rest)

    def _begin(self) -> None:
        start = self.rest.lstrip()
        if start.startswith(self._syntax.opening):
            self.rest = start.removeprefix(self._syntax.opening)
            self._stage = "opened"
        elif start and not self._syntax.opening.startswith(start):
            self._stage = "thinking" if self._opened else "over"

    def _strip(self, space: str, then: Stage) -> None:
        """Leave out as much of the format's white space as there is."""
        if self.rest != space and space.startswith(self.rest):
            return
        common = next(size for size in range(len(space), -1, -1) if self.rest.startswith(space[:size]))
        self.rest = self.rest[common:]
        self._stage = then

    def _think(self) -> list[Thought]:
        found = self._closings.first(self.rest)
        if found:
            end, closing = found
            after = end + len(closing)
            self._stage = "after"
        else:
            end = after = len(self.rest) - self._closings.held(self.rest)
        text, self.rest = self.rest[:end], self.rest[after:]
        return self._thought(text)

    def _thought(self, text: str) -> list[Thought]:
        if not self._thought_of_something:
            text, self._blank = self._blank + text, ""
            if not text.strip():
                self._blank = text
                return []
            self._thought_of_something = True
        return [Thought(text)] if text and self._asked else []
