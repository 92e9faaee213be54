"""Markers: the first of several words in a text that is still being written, and what may become one."""

import re
from collections.abc import Iterable


class Markers:
    """None of the words may be empty."""

    def __init__(self, words: Iterable[str]) -> None:
        # Longest first: where one word begins another, the longer is meant.
        self._words = sorted(set(words), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._words)) if self._words else r"(?!)")

    def first(self, text: str) -> tuple[int, str] | None:
        """Where the first word begins, and which it is."""
        found = self._pattern.search(text)
        return (found.start(), found.group()) if found else None

    def held(self, text: str) -> int:
        """How many of the text's last characters may be the beginning of a word."""
        longest = max((len(word) for word in self._words), default=1) - 1
        for size in range(min(longest, len(text)), 0, -1):
            tail = text[-size:]
            if any(word.startswith(tail) for word in self._words):
                return size
        return 0
