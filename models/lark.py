"""Lark: the text of a grammar, rule by rule, where markers may be text or tokens that no text ever spells."""

import json
import re
from collections.abc import Mapping


class Lark:
    """`special` has the ids of the tokens that are no text."""

    def __init__(self, special: Mapping[str, int]) -> None:
        self._special = special
        longest_first = sorted(special, key=len, reverse=True)
        self._splits = re.compile("|".join(map(re.escape, longest_first)) if special else r"(?!)")
        self._rules: list[str] = []

    def rule(self, name: str, body: str) -> str:
        """Add a rule, or a terminal where the name is in capitals; returns the name."""
        self._rules.append(f"{name}: {body}")
        return name

    def literal(self, text: str) -> str:
        """What matches exactly this text, its special tokens as tokens; "" for none."""
        return " ".join(self._pieces(text))

    def until(self, name: str, free: str, text: str) -> str:
        """Add a rule for the terminal `free` up to the first time that `text` comes, and `text`; returns its name."""
        first, *others = self._pieces(text)
        if first.startswith('"'):
            first = self.rule(f"{name}_head[lazy]", f"{free} {first}").removesuffix("[lazy]")
            return self.rule(name, " ".join([first, *others]))
        # Free text never holds a special token, so the first one ends it anyway.
        return self.rule(name, " ".join([free, first, *others]))

    def without(self, terminal: str, text: str, *, anywhere: bool) -> str:
        """The terminal without what holds this text, or begins with it; special tokens aren't in it in any case."""
        first = self._pieces(text)[0]
        if not first.startswith('"'):
            return terminal
        return f"{terminal} & ~({'TEXT ' if anywhere else ''}{first} TEXT)"

    def text(self, start: str) -> str:
        return "\n".join(["%llguidance {}", f"start: {start}", *self._rules, ""])

    def _pieces(self, text: str) -> list[str]:
        pieces, done = [], 0
        for found in self._splits.finditer(text):
            pieces += [_quoted(text[done : found.start()]), f"<[{self._special[found[0]]}]>"]
            done = found.end()
        pieces.append(_quoted(text[done:]))
        return [piece for piece in pieces if piece]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if text else ""
