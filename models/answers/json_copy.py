"""JsonCopy: one JSON value copied out of a text that comes in parts, with the slips mended that models often make."""

import re

_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_SPACE = re.compile(r"[ \t\r\n]+")
_LITERAL = re.compile(r"[A-Za-z0-9+\-.]+")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_HIGH_HALF = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}")
_LOW_HALF = re.compile(r"\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_WHOLE = re.compile(r'\\["\\/bfnrt]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|' + f"{_HIGH_HALF.pattern}{_LOW_HALF.pattern}")
"""An escape that is complete."""
_BEGUN = re.compile(rf"(?:{_HIGH_HALF.pattern})?(?:\\(?:u[0-9a-fA-F]{{0,3}})?)?|{_HIGH_HALF.pattern}")
_LITERALS = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false", "None": "null"}
_CLOSERS = {"{": "}", "[": "]"}
_REPLACEMENT = "\\ufffd"
_MAY_CLOSE = frozenset({"comma", "first key", "first value"})


class JsonCopy:
    """Spaces are kept; raw control characters and wrong escapes in strings, Python's literals and a comma too many are
    mended. What else is no JSON makes it `broken`."""

    def __init__(self) -> None:
        self.done = False
        self.broken = False
        self._closers: list[str] = []
        """One for each container that is open."""
        self._expects = "value"
        """value, first value, key, first key, colon, comma; or within a string: string, key string."""
        self._held = ""
        """A literal, an escape or a comma whose end has not come."""
        self._bare = True
        """The outermost container is empty so far."""

    def feed(self, text: str, at: int) -> tuple[str, int]:
        """Copy from `text[at:]`: what is certain, and where the next one to read it begins."""
        out: list[str] = []
        while at < len(text) and not self.done and not self.broken:
            at = self._string(text, at, out) if self._expects.endswith("string") else self._outside(text, at, out)
        return "".join(out), at

    def closing(self, note: str) -> str:
        """What makes a whole of an object that was broken off; `note`, a JSON pair, becomes its last."""
        end = {"string": '"', "key string": '": null', "colon": ": null", "value": "null"}.get(self._expects, "")
        if self._expects == "value" and self._held.startswith(","):
            end = ""  # the comma was never let out
        closers = "".join(reversed(self._closers[1:]))
        return f"{end}{closers}{'' if self._bare else ', '}{note}}}"

    def _outside(self, text: str, at: int, out: list[str]) -> int:
        if self._held and self._held[0] != ",":
            return self._literal(text, at, out)
        if space := _SPACE.match(text, at):
            if self._held:
                self._held += space.group()
            else:
                out.append(space.group())
            return space.end()
        char = text[at]
        if char in "}]":
            return self._close(char, at, out)
        if not self._fits(char):
            # A comma that waits is not let out: nothing follows it.
            self.broken = True
            return at
        comma, self._held = self._held, ""
        out.append(comma)
        return self._value(char, text, at, out) if "value" in self._expects else self._between(char, at, out)

    def _fits(self, char: str) -> bool:
        if "value" in self._expects:
            return char in '"{[' or _LITERAL.match(char) is not None
        return char == {"colon": ":", "comma": ","}.get(self._expects, '"')

    def _between(self, char: str, at: int, out: list[str]) -> int:
        """A key, or what stands between values."""
        match self._expects:
            case "colon":
                self._begin(char, "value", out)
            case "comma":
                self._held = char
                self._expects = "key" if self._closers[-1] == "}" else "value"
            case _:
                self._begin(char, "key string", out)
        return at + 1

    def _begin(self, char: str, expects: str, out: list[str]) -> None:
        out.append(char)
        self._expects = expects
        if len(self._closers) == 1:
            self._bare = False

    def _value(self, char: str, text: str, at: int, out: list[str]) -> int:
        if char == '"':
            self._begin(char, "string", out)
        elif char in _CLOSERS:
            self._begin(char, "first key" if char == "{" else "first value", out)
            self._closers.append(_CLOSERS[char])
        else:
            self._begin("", "value", out)
            return self._literal(text, at, out)
        return at + 1

    def _close(self, char: str, at: int, out: list[str]) -> int:
        after_comma = self._held.startswith(",")
        if not self._closers or char != self._closers[-1] or not (after_comma or self._expects in _MAY_CLOSE):
            self.broken = True
            return at
        out.append(self._held[1:] + char)
        self._held = ""
        self._closers.pop()
        self._ended()
        return at + 1

    def _ended(self) -> None:
        self._expects = "comma"
        self.done = not self._closers

    def _literal(self, text: str, at: int, out: list[str]) -> int:
        found = _LITERAL.match(text, at)
        if found:
            self._held += found.group()
            at = found.end()
        if at == len(text):
            return at  # it may go on
        word, self._held = self._held, ""
        mended = _LITERALS.get(word) or (word if _NUMBER.fullmatch(word) else None)
        if mended is None:
            self.broken = True
        else:
            out.append(mended)
            self._ended()
        return at

    def _string(self, text: str, at: int, out: list[str]) -> int:
        if self._held:
            return self._escape(text, at, out)
        if plain := _PLAIN.match(text, at):
            out.append(plain.group())
            return plain.end()
        char = text[at]
        if char == '"':
            out.append(char)
            if self._expects == "key string":
                self._expects = "colon"
            else:
                self._ended()
        elif char == "\\":
            self._held = char
        else:
            out.append({"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char, f"\\u{ord(char):04x}"))
        return at + 1

    def _escape(self, text: str, at: int, out: list[str]) -> int:
        """One more character of an escape; half of a surrogate pair waits for its other half."""
        escape = self._held + text[at]
        if _WHOLE.fullmatch(escape):
            out.append(_REPLACEMENT if _LOW_HALF.fullmatch(escape) else escape)
            self._held = ""
        elif _BEGUN.fullmatch(escape):
            self._held = escape
        else:
            self._wrong_escape(text[at], out)
            return at  # the character is read anew
        return at + 1

    def _wrong_escape(self, char: str, out: list[str]) -> None:
        if _HIGH_HALF.match(self._held):
            out.append(_REPLACEMENT)
            self._held = self._held[6:]
            return
        if (self._held, char) != ("\\", "'"):
            out.append("\\\\" + self._held[1:])
        self._held = ""
