"""Masks: random words that a template sees in place of people's texts, and what they stand for."""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Self

from models.prompt import Markup, Segment

HARMLESS = re.compile(r"[A-Za-z0-9_ .,/-]*")
"""Texts that can't spell a control token. Templates compare some of them, such as the types in a schema."""


class Masked(str):
    """A text with a mask in it, which a template may also write as JSON."""

    __slots__ = ("json_form",)
    json_form: str

    @classmethod
    def made(cls, before: str, mask: str, json_mask: str, after: str) -> Self:
        text = cls(before + mask + after)
        text.json_form = before + json_mask + after
        return text


class Masks:
    """Of one prompt. Neither a role nor a token can be forged through a template that sees only these."""

    def __init__(self) -> None:
        self._key = secrets.token_hex(8)
        self._meant: list[list[Segment]] = []
        self._required: list[int] = []

    def text(self, text: str, *, required: bool = True) -> str:
        """For a text that must show; the white space around it is left for the template to strip or keep."""
        core = text.strip()
        if not core:
            return text
        start = text.index(core)
        return self._mask([core], text[:start], text[start + len(core) :], required=required)

    def segments(self, segments: list[Segment], *, required: bool = True) -> str:
        """For something with markup in it, whose end must show as it is."""
        return self._mask(segments, required=required)

    def value(self, value: Any, *, required: bool) -> Any:
        """For JSON whose strings people wrote, keys included."""
        match value:
            case str():
                return value if HARMLESS.fullmatch(value) else self._mask([value], required=required)
            case Mapping():
                return {
                    self.value(key, required=required): self.value(v, required=required) for key, v in value.items()
                }
            case list() | tuple():
                return [self.value(item, required=required) for item in value]
        return value

    def all_shown(self, rendered: str) -> bool:
        shown = {int(index) for index in re.findall(rf"{self._key}[xj](\d+)x", rendered)}
        return shown.issuperset(self._required)

    def cut_after_last(self, rendered: str) -> str | None:
        """The prompt up to where the last required text ends; None where it doesn't show."""
        before, found, _ = rendered.rpartition(f"{self._key}x{self._required[-1]}x")
        return before + found if found else None

    def unmasked(self, rendered: str) -> Iterator[Segment]:
        for index, piece in enumerate(re.split(rf"{self._key}([xj]\d+)x", rendered)):
            if index % 2 == 0:
                yield Markup(piece)
                continue
            meant = self._meant[int(piece[1:])]
            yield from meant if piece[0] == "x" else map(_escaped, meant)

    def _mask(self, meant: list[Segment], before: str = "", after: str = "", *, required: bool) -> str:
        index = len(self._meant)
        self._meant.append(meant)
        if required:
            self._required.append(index)
        return Masked.made(before, f"{self._key}x{index}x", f"{self._key}j{index}x", after)


def in_json(value: Any) -> Any:
    """The value with masks that stand for texts as JSON spells them."""
    match value:
        case Masked():
            return value.json_form
        case Mapping():
            return {in_json(key): in_json(item) for key, item in value.items()}
        case list() | tuple():
            return [in_json(item) for item in value]
    return value


def _escaped(segment: Segment) -> Segment:
    if isinstance(segment, Markup):
        return Markup(json.dumps(segment.text, ensure_ascii=False)[1:-1])
    return json.dumps(segment, ensure_ascii=False)[1:-1]
