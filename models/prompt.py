"""A prompt as segments: what a family wrote (markup, may hold control tokens) and what people wrote (never may)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Markup:
    """Text of the chat format itself. Control tokens spelled out in it become those tokens."""

    text: str


Segment = Markup | str
"""A plain string is somebody's text: `<|im_end|>` in it stays nine characters and ends no turn."""


def as_text(segments: list[Segment]) -> str:
    """The prompt as one string, for reading; encoding this would let users forge turns."""
    return "".join(segment.text if isinstance(segment, Markup) else segment for segment in segments)
