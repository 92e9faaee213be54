"""Calls: text and calls of tools told apart; no marker of a call ever gets into the text."""

import re
from collections.abc import Callable, Collection

from models.answers.call_json import NAME, CallReader
from models.answers.markers import Markers
from models.answers.named_call import NamedCall
from models.answers.parts import AnswerPart, Called, OpenCall, Parse, Said, whole_calls
from models.syntax import CallSyntax

_TO_JSON = re.compile(r"\s*\[?\s*")
_AROUND_CALLS = frozenset(" \t\r\n,;[]}")
"""What stands between calls in one format or another."""


class Calls:
    """Push text; after the last of it, `end`. With `most` calls complete, what follows is left out.

    A marker that no call follows is left out too, and what stands after it is text. A call that breaks off in its
    arguments is made a whole, with a note in it that no tool takes for an argument. Without tools all is text.
    """

    def __init__(self, syntax: CallSyntax, tools: Collection[str], most: int = 0, parse: Parse | None = None) -> None:
        self.begun = 0
        """Calls that the reader has been told of."""
        self.complete = 0
        self._syntax = syntax
        self._tools = tools
        self._most = most
        self._parse = parse
        self._text = ""
        """Not taken apart yet."""
        self._space = ""
        """White space behind the text, which may yet turn out to be the format's."""
        self._spoke = False
        """There is text since the last call."""
        self._marked = False
        """There was a call, or a marker of one."""
        self._call: OpenCall | None = None
        self._parts: list[AnswerPart] = []
        markers = {syntax.opening, syntax.optional, syntax.closing} - {""} if tools else set()
        self._markers = Markers(markers)
        self._bare = bool(tools) and not syntax.opening
        self._read: Callable[[], bool] = self._read_maybe if self._bare else self._read_text
        if not tools:
            self._read = self._read_plain
        """The step to take next; it returns whether it got anywhere."""

    def push(self, text: str) -> list[AnswerPart]:
        self._text += text
        while self._text and self._read():
            pass
        return self._taken()

    def end(self, *, cut: bool) -> list[AnswerPart]:
        """Nothing follows; `cut` where the model would have gone on."""
        if self._read == self._read_foreign and not cut:
            self._add_whole_calls(self._text)
        elif self._read == self._read_broken or (self._call is not None and not cut):
            self._mend(self._text)
        elif self._read == self._read_text:
            held = self._markers.held(self._text)
            self._say(self._text[: len(self._text) - held] if cut and held > 1 else self._text)
        elif self._read == self._read_maybe and not cut:
            self._say(self._text)
        if self._spoke and self._space:
            self._parts.append(Said(self._space))
        self._read = self._read_nothing
        return self._taken()

    def _taken(self) -> list[AnswerPart]:
        parts, self._parts = self._parts, []
        return parts

    def _read_plain(self) -> bool:
        self._parts.append(Said(self._text))
        self._text = ""
        return False

    def _read_text(self) -> bool:
        found = self._markers.first(self._text)
        if found is None:
            end = len(self._text) - self._markers.held(self._text)
            said, self._text = self._text[:end], self._text[end:]
            self._say(said)
            return False
        at, marker = found
        said, self._text = self._text[:at], self._text[at + len(marker) :]
        self._say(said)
        self._marked = True
        if marker != self._syntax.closing:
            self._space = self._space.removesuffix(self._syntax.between)
            self._read = self._read_body
        return True

    def _say(self, text: str) -> None:
        text = self._space + text
        core = text.rstrip()
        self._space = text[len(core) :]
        if not core:
            return
        if self._marked and not self._spoke:
            core = core.removeprefix(self._syntax.between)
        self._spoke = True
        self._parts.append(Said(core))

    def _read_body(self) -> bool:
        """Behind the marker: white space or a list's bracket, and then a call."""
        marker = self._marker_here()
        if marker:
            self._past(marker)
            return True
        start = _TO_JSON.match(self._text)
        rest = self._text[start.end() :] if start else self._text
        if marker is None or not rest:
            return False
        if rest[0] == "{":
            self._begin(CallReader(self._syntax.name_key), rest)
        elif self._syntax.body == "other":
            self._read = self._read_foreign
        elif self._syntax.body == "named" and "[" not in self._text[: len(self._text) - len(rest)]:
            self._begin(NamedCall(self._syntax.separator, self._syntax.id_marker), rest)
        else:
            self._read = self._read_text
        return True

    def _read_maybe(self) -> bool:
        """Without markers only a whole beginning tells: the name of a tool, and something that it is called with."""
        start = self._text.lstrip()
        optional = self._syntax.optional
        if optional and start.startswith(optional):
            self._text = start.removeprefix(optional)
            self._read = self._read_body
            return True
        if not start or optional.startswith(start):
            return False
        call = CallReader(self._syntax.name_key)
        _, read = call.feed(start, 0)
        if call.certain and not call.strange and call.name in self._tools:
            self._begin(CallReader(self._syntax.name_key), start)
        elif call.broken or call.strange or call.certain or read < len(start):
            self._read = self._read_text
        else:
            return False
        return True

    def _read_next(self) -> bool:
        """After a call: its closing marker, a list's punctuation, another call, or text."""
        marker = self._marker_here()
        if marker is None:
            return False
        char = self._text[0]
        if marker:
            self._past(marker)
        elif char in _AROUND_CALLS:
            self._space += char if char.isspace() else ""
            self._text = self._text[1:]
        elif char == "{" and self._bare:
            self._read = self._read_maybe
        elif char == "{":
            self._begin(CallReader(self._syntax.name_key), self._text)
        else:
            self._read = self._read_text
        return True

    def _marker_here(self) -> str | None:
        """The marker that the text begins with, "" if with none; None while that isn't certain."""
        text = self._text.lstrip()
        found = self._markers.first(text)
        if found and found[0] == 0:
            return found[1]
        return None if text and self._markers.held(text) == len(text) else ""

    def _past(self, marker: str) -> None:
        self._text = self._text.lstrip().removeprefix(marker)
        self._space = ""
        if marker != self._syntax.closing:
            self._read = self._read_body
        elif self._read == self._read_body:
            self._read = self._read_text

    def _begin(self, call: OpenCall, text: str) -> None:
        self._call, self._text = call, text
        self._read = self._read_call

    def _read_call(self) -> bool:
        if self._call is None:
            raise AssertionError("this step is taken within a call")
        parts, at = self._call.feed(self._text, 0)
        self._text = self._text[at:]
        self._add(parts)
        if self._call.done:
            self._ended()
        elif self._call.broken:
            self._read = self._read_broken
        return bool(self._text)

    def _read_broken(self) -> bool:
        """What the model goes on with up to the end of this call is no use to anybody."""
        rest, closing, after = self._until_closing()
        if not closing:
            return False
        self._mend(rest)
        self._text = after
        return True

    def _read_foreign(self) -> bool:
        body, closing, after = self._until_closing()
        if not closing:
            return False
        self._text = after
        self._add_whole_calls(body)
        self._read = self._read_next
        return True

    def _read_nothing(self) -> bool:
        self._text = ""
        return False

    def _until_closing(self) -> tuple[str, str, str]:
        return self._text.partition(self._syntax.closing) if self._syntax.closing else (self._text, "", "")

    def _mend(self, rest: str) -> None:
        if self._call is not None and self._call.name:
            self._add(self._call.mended(rest))
        self._ended()

    def _add_whole_calls(self, body: str) -> None:
        calls = self._parse(body) if self._parse else []
        for parts in whole_calls([call for call in calls if NAME.fullmatch(call[0])]):
            if self._read != self._read_nothing:
                self._add(parts)
                self._ended()

    def _add(self, parts: list[AnswerPart]) -> None:
        if any(isinstance(part, Called) for part in parts):
            if self._spoke and self._space:
                self._parts.append(Said(self._space))
            self.begun += 1
            self._spoke, self._space, self._marked = False, "", True
        self._parts += parts

    def _ended(self) -> None:
        self.complete = self.begun
        self._call = None
        self._read = self._read_nothing if self._most and self.complete >= self._most else self._read_next
