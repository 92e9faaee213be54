"""Pieces of an answer to content blocks: whole ones, and the frames that build the same ones in a stream."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from api.wire.seal import Seal
from api.wire.tool_input import tool_input
from queue_config.pieces import Piece, TextPiece, ThinkingPiece, ToolInput, ToolStart, joined

Block = dict[str, Any]
Frame = dict[str, Any]
Kind = Literal["text", "thinking", "tool_use"]

_EMPTY: dict[Kind, Block] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
_DELTAS: dict[Kind, tuple[str, str]] = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}
"""Of each kind of block: what its deltas are called, and the field that they add to."""


@dataclass(frozen=True, slots=True)
class Signing:
    """How thinking is signed, and whether the reader is shown more of it than the signature."""

    seal: Seal
    omits: bool = False

    def sign(self, thinking: str) -> str:
        return self.seal.sign(thinking, carry=self.omits)


def content(pieces: Iterable[Piece], signing: Signing) -> list[Block]:
    """The blocks of a whole message."""
    blocks: list[Block] = []
    for piece in joined(pieces):
        match piece:
            case TextPiece(text):
                blocks.append({"type": "text", "text": text})
            case ThinkingPiece(text):
                shown = "" if signing.omits else text
                blocks.append({"type": "thinking", "thinking": shown, "signature": signing.sign(text)})
            case ToolStart(tool_id, name):
                blocks.append({"type": "tool_use", "id": tool_id, "name": name, "input": {}})
            case ToolInput(json):
                blocks[-1]["input"] = tool_input(json)
    return blocks


class BlockFrames:
    """One stream's blocks, one after the other."""

    def __init__(self, signing: Signing) -> None:
        self._signing = signing
        self._index = -1
        self._kind: Kind | None = None
        """Of the block that is open."""
        self._thinking: list[str] = []

    def push(self, piece: Piece) -> Iterator[Frame]:
        """The frames for the answer's next piece; none for an empty one."""
        match piece:
            case TextPiece(text):
                yield from self._add("text", text)
            case ThinkingPiece(text):
                yield from self._add("thinking", text)
            case ToolStart(tool_id, name):
                yield from self.close()
                yield self._open("tool_use", {"type": "tool_use", "id": tool_id, "name": name, "input": {}})
            case ToolInput(json):
                if json:
                    yield self._delta("tool_use", json)

    def close(self) -> Iterator[Frame]:
        """End the open block, if there is one."""
        if self._kind is None:
            return
        if self._kind == "thinking":
            signature = self._signing.sign("".join(self._thinking))
            delta = {"type": "signature_delta", "signature": signature}
            yield {"type": "content_block_delta", "index": self._index, "delta": delta}
            self._thinking = []
        self._kind = None
        yield {"type": "content_block_stop", "index": self._index}

    def keep_alive(self, first: Kind | None) -> Frame | None:
        """A frame that says nothing, inside the open block; with `first` one of that kind is opened if none was yet."""
        if self._kind is not None:
            return self._delta(self._kind, "")
        if first is None or self._index >= 0:
            return None
        return self._open(first, dict(_EMPTY[first]))

    def _add(self, kind: Kind, text: str) -> Iterator[Frame]:
        if not text:
            return
        if self._kind != kind:
            yield from self.close()
            yield self._open(kind, dict(_EMPTY[kind]))
        if kind == "thinking":
            self._thinking.append(text)
            if self._signing.omits:
                return
        yield self._delta(kind, text)

    def _open(self, kind: Kind, block: Block) -> Frame:
        self._index += 1
        self._kind = kind
        return {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, kind: Kind, text: str) -> Frame:
        name, field = _DELTAS[kind]
        return {"type": "content_block_delta", "index": self._index, "delta": {"type": name, field: text}}
