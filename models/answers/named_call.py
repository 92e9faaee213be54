"""NamedCall: a call written as a bare name, a separator, and the arguments as a JSON object."""

import re

from models.answers.call_json import NAME, Arguments
from models.answers.parts import AnswerPart, Called, Given

_MAY_BE_HEAD = re.compile(r"\s*[^\s{}]{0,400}\s*")


class NamedCall:
    """An id that some versions write behind the name, after `id_marker`, is skipped."""

    def __init__(self, separator: str, id_marker: str) -> None:
        self.name = ""
        self.done = False
        self.broken = False
        self._separator = separator
        self._id_marker = id_marker
        self._head = ""
        self._arguments: Arguments | None = None

    def feed(self, text: str, at: int) -> tuple[list[AnswerPart], int]:
        """Read on from `text[at:]`: the parts that are certain, and where the next one to read it begins."""
        parts: list[AnswerPart] = []
        if self._arguments is None:
            at = self._read_head(text, at, parts)
        if self._arguments is not None and at < len(text):
            out, at = self._arguments.feed(text, at)
            parts += [Given(out)] if out else []
            self.done, self.broken = self._arguments.done, self._arguments.broken
        return parts, at

    def mended(self, rest: str) -> list[AnswerPart]:
        return [Given((self._arguments or Arguments()).mended(rest))]

    def _read_head(self, text: str, at: int, parts: list[AnswerPart]) -> int:
        before = len(self._head)
        self._head += text[at:]
        head, found, _ = self._head.partition(self._separator)
        if not found:
            self.broken = _MAY_BE_HEAD.fullmatch(self._head) is None
            return len(text)
        name = (head.partition(self._id_marker)[0] if self._id_marker else head).strip()
        self.broken = NAME.fullmatch(name) is None
        if not self.broken:
            self.name = name
            self._arguments = Arguments()
            parts.append(Called(name))
        return at + len(head) + len(found) - before
