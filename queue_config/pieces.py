"""Pieces of an answer, in the order in which it is written: text, thinking, and calls of tools. Pure.

A piece goes on with the block of the piece before it where both are of one kind; a ToolStart always begins a new block,
and every ToolInput belongs to the ToolStart before it. No kind is ever interleaved with another.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextPiece:
    text: str


@dataclass(frozen=True, slots=True)
class ThinkingPiece:
    text: str


@dataclass(frozen=True, slots=True)
class ToolStart:
    """The model begins to call a tool."""

    id: str
    """`toolu_` and 24 base-62 characters; the same again when the same tokens are replayed."""
    name: str


@dataclass(frozen=True, slots=True)
class ToolInput:
    """More of the call's arguments; all of a call's joined are one JSON object, unless the answer was cut off in it."""

    json: str


Piece = TextPiece | ThinkingPiece | ToolStart | ToolInput


def joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Equal, but with neighbours of one kind made one, and no empty ones."""
    result: list[Piece] = []
    for piece in pieces:
        last = result[-1] if result else None
        match last, piece:
            case _, TextPiece("") | ThinkingPiece("") | ToolInput(""):
                pass
            case TextPiece(before), TextPiece(text):
                result[-1] = TextPiece(before + text)
            case ThinkingPiece(before), ThinkingPiece(text):
                result[-1] = ThinkingPiece(before + text)
            case ToolInput(before), ToolInput(json):
                result[-1] = ToolInput(before + json)
            case _:
                result.append(piece)
    return tuple(result)


def text_of(pieces: Iterable[Piece]) -> str:
    """What the reader is told: the text alone, without thinking and calls."""
    return "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))


def as_json(piece: Piece) -> list[str]:
    """As short as it can be said, since every token is written so: ["text", "Hello"]."""
    match piece:
        case TextPiece(text):
            return ["text", text]
        case ThinkingPiece(text):
            return ["thinking", text]
        case ToolStart(tool_id, name):
            return ["tool", tool_id, name]
        case ToolInput(json):
            return ["input", json]


def of_json(parts: list[str]) -> Piece:
    match parts:
        case ["text", text]:
            return TextPiece(text)
        case ["thinking", text]:
            return ThinkingPiece(text)
        case ["tool", tool_id, name]:
            return ToolStart(tool_id, name)
        case ["input", json]:
            return ToolInput(json)
    raise ValueError(f"no piece of an answer: {parts}")
