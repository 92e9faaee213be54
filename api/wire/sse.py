"""Server-sent events: a frame becomes one `data:` line of ASCII.

ASCII, because line readers in the clients split on U+2028 and its like, which JSON leaves bare in a string.
"""

import json
from typing import Any

import orjson

from api.wire.frame_id import FrameId

PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def dump(frame: dict[str, Any]) -> bytes:
    """A frame as one line of ASCII JSON."""
    text = orjson.dumps(frame)
    # orjson is several times faster but can't escape; most frames need no escapes.
    return text if text.isascii() else json.dumps(frame, separators=(",", ":")).encode()


def encode(frame: dict[str, Any], frame_id: FrameId | None = None) -> bytes:
    """The bytes of one event; `frame_id` becomes its `id:` line, which browsers send back as Last-Event-ID."""
    head = f"id: {frame_id}\n" if frame_id else ""
    return f"event: {frame['type']}\n{head}data: ".encode() + dump(frame) + b"\n\n"
