"""CallReader: one call written as a JSON object, its name and its arguments let out while it is still being written."""

import json
import re

from models.answers.json_copy import JsonCopy
from models.answers.parts import AnswerPart, Called, Given

NAME = re.compile(r"[a-zA-Z0-9_.:-]{1,128}")
ARGUMENT_KEYS = frozenset({"arguments", "parameters"})
OTHER_KEYS = frozenset({"id", "type", "function"})
UNPARSED = "__unparsedToolInput"
"""What Claude Code calls the arguments of a call that is no JSON object."""


class CallReader:
    """Reads from the opening brace to the closing one. `broken` is where the model didn't write what a call is.

    Either key of arguments is taken for them, as models mix them up, and so is an object under the key "function".
    """

    def __init__(self, name_key: str = "name") -> None:
        self.name = ""
        self.done = False
        self.broken = False
        self.strange = False
        """A key that no call has came before it was certain."""
        self.arguments: Arguments | None = None
        self._name_key = name_key
        self._depth = 0
        self._expects = "key"
        """key, colon, value, comma"""
        self._key = ""
        self._copy: JsonCopy | None = None
        self._copied = ""

    @property
    def certain(self) -> bool:
        """It has a name, and what it is called with."""
        return bool(self.name) and (self.arguments is not None or self.done)

    def feed(self, text: str, at: int) -> tuple[list[AnswerPart], int]:
        """Read on from `text[at:]`: the parts that are certain, and where the next one to read it begins."""
        parts: list[AnswerPart] = []
        while at < len(text) and not self.done and not self.broken:
            if self._copy is not None:
                at = self._copied_on(self._copy, text, at, parts)
            elif self._expects == "arguments" and self.arguments is not None:
                at = self._argued_on(self.arguments, text, at, parts)
            elif text[at].isspace():
                at += 1
            else:
                at = self._structure(text[at], at)
        if self.done and self.name and self.arguments is None:
            parts.append(Given("{}"))
        return parts, at

    def mended(self, rest: str) -> list[AnswerPart]:
        """What makes a whole of a call whose name is out already; `rest` is what it was broken off with."""
        arguments = self.arguments or Arguments()
        return [Given(arguments.mended(rest))]

    def _structure(self, char: str, at: int) -> int:
        match self._expects, char:
            case "key", "{" if self._depth == 0:
                self._depth = 1
            case "key", '"' if self._depth:
                self._copy = JsonCopy()
                return at
            case "colon", ":":
                self._expects = "value"
            case "value", "{" if self._key == "function":
                self._depth += 1
                self._expects = "key"
            case "value", _:
                self._begin_value()
                return at
            case "comma", ",":
                self._expects = "key"
            case "comma" | "key", "}" if self._depth:
                self._depth -= 1
                self._expects = "comma"
                self.done = self._depth == 0
                self.broken = self.done and not self.name
            case _:
                self.broken = True
                return at
        return at + 1

    def _begin_value(self) -> None:
        if self._key in ARGUMENT_KEYS and self.arguments is None:
            self.arguments = Arguments()
            self._expects = "arguments"
        else:
            self._copy = JsonCopy()

    def _argued_on(self, arguments: "Arguments", text: str, at: int, parts: list[AnswerPart]) -> int:
        out, at = arguments.feed(text, at)
        self._let_out(out, parts)
        if arguments.done:
            self._expects = "comma"
        self.broken = arguments.broken
        return at

    def _copied_on(self, copy: JsonCopy, text: str, at: int, parts: list[AnswerPart]) -> int:
        out, at = copy.feed(text, at)
        self._copied += out
        self.broken = copy.broken
        if copy.done:
            value, self._copy, self._copied = json.loads(self._copied), None, ""
            if self._expects == "key":
                self._key, self._expects = value, "colon"
                known = {self._name_key, *ARGUMENT_KEYS, *OTHER_KEYS}
                self.strange = self.strange or not (self.certain or value in known)
            else:
                self._expects = "comma"
                if self._key == self._name_key and not self.name:
                    self._called(value, parts)
        return at

    def _called(self, name: object, parts: list[AnswerPart]) -> None:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            self.broken = True
            return
        self.name = name
        parts.append(Called(name))
        if self.arguments is not None:
            self._let_out(self.arguments.waiting(), parts)

    def _let_out(self, out: str, parts: list[AnswerPart]) -> None:
        if self.name and out:
            parts.append(Given(out))
        elif self.arguments is not None:
            self.arguments.wait(out)


class Arguments:
    """The value of the arguments' key. Nearly always an object, which goes out as it comes; anything else is read to
    its end first, since what goes out must be an object."""

    def __init__(self) -> None:
        self.done = False
        self.broken = False
        self._copy = JsonCopy()
        self._is_object: bool | None = None
        self._other = ""
        self._waiting = ""

    def feed(self, text: str, at: int) -> tuple[str, int]:
        if self._is_object is None:
            at = next((i for i in range(at, len(text)) if not text[i].isspace()), len(text))
            if at == len(text):
                return "", at
            self._is_object = text[at] == "{"
        out, at = self._copy.feed(text, at)
        self.done, self.broken = self._copy.done, self._copy.broken
        if self._is_object:
            return out, at
        self._other += out
        return (_as_object(self._other) if self.done else ""), at

    def wait(self, out: str) -> None:
        """Keep this until the call's name is known."""
        self._waiting += out

    def waiting(self) -> str:
        out, self._waiting = self._waiting, ""
        return out

    def mended(self, rest: str) -> str:
        if self.done:
            return ""
        if not self._is_object:
            return unparsed(self._other + rest)
        return self._copy.closing(unparsed(rest)[1:-1])


def unparsed(raw: str) -> str:
    """An object that stands for arguments which aren't one, so that the tool refuses them and says so."""
    return json.dumps({UNPARSED: {"raw": raw, "len": len(raw)}}, ensure_ascii=False)


def _as_object(value: str) -> str:
    """Arguments are often given as a string that holds the object; null stands for none."""
    content = json.loads(value)
    if isinstance(content, str):
        inner = JsonCopy()
        out, _ = inner.feed(content.strip(), 0)
        return out if inner.done and out.startswith("{") else unparsed(content)
    return "{}" if content is None else unparsed(value)
