"""A call's arguments as the object that a whole message shows, also where the answer was cut off inside them."""

from typing import Any

import jiter


def tool_input(text: str) -> dict[str, Any]:
    """The object that `text` is or begins, without a value that was cut off in its middle, as the SDKs have it.

    What a model wrote that is no object is kept raw, in the way of Claude Code.
    """
    if not text.strip():
        return {}
    try:
        value = jiter.from_json(text.encode(), partial_mode=True)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"__unparsedToolInput": {"raw": text, "len": len(text)}}
