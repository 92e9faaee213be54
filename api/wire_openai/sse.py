"""Server-sent events as OpenAI's clients read them: `data:` lines without names, and a last one that says so."""

from typing import Any

from api.wire.sse import dump

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
"""A comment, which every reader of events leaves out."""


def encode(chunk: dict[str, Any]) -> bytes:
    return b"data: " + dump(chunk) + b"\n\n"
