"""AnswerSplitter: an answer's text, as it comes, to the thinking, text and calls that it consists of. Pure."""

from collections.abc import Collection

from models.answers.calls import Calls
from models.answers.parts import AnswerPart, Called, ForeignCall, Given, Parse, Said, Thought
from models.answers.thoughts import Thoughts
from models.syntax import AnswerSyntax

__all__ = ["AnswerPart", "AnswerSplitter", "Called", "ForeignCall", "Given", "Parse", "Said", "Thought"]


class AnswerSplitter:
    """However the text is cut on its way in, the parts say the same.

    `tools` are the names that may be called; with none, markers of calls are text. `thinking` is what the prompt asked
    for: thinking that comes all the same is left out. `parse` reads calls in formats that are no JSON.
    """

    def __init__(
        self,
        syntax: AnswerSyntax,
        *,
        tools: Collection[str] = (),
        thinking: bool = False,
        max_calls: int = 0,
        parse: Parse | None = None,
    ) -> None:
        self._thoughts = Thoughts(syntax.think, asked=thinking) if syntax.think else None
        self._calls = Calls(syntax.calls, tools, max_calls, parse)
        self._max_calls = max_calls

    @property
    def thinking(self) -> bool:
        """The next token is thinking, as far as anybody can tell."""
        return self._thoughts is not None and self._thoughts.inside

    @property
    def called(self) -> bool:
        """A tool has been called."""
        return self._calls.begun > 0

    @property
    def full(self) -> bool:
        """There are as many calls as there may be."""
        return 0 < self._max_calls <= self._calls.complete

    def push(self, text: str) -> list[AnswerPart]:
        if self._thoughts is None:
            return self._calls.push(text)
        parts: list[AnswerPart] = [*self._thoughts.push(text)]
        if self._thoughts.over:
            parts += self._rest(self._thoughts)
        return parts

    def end(self, *, cut: bool) -> list[AnswerPart]:
        """Nothing follows; `cut` where the model would have gone on. Then what may have become a marker is left out."""
        parts: list[AnswerPart] = []
        if self._thoughts is not None:
            parts += self._thoughts.end(cut=cut)
            parts += self._rest(self._thoughts)
        return parts + self._calls.end(cut=cut)

    def _rest(self, thoughts: Thoughts) -> list[AnswerPart]:
        self._thoughts = None
        return self._calls.push(thoughts.rest) if thoughts.rest else []
