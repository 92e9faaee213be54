"""Request bodies as JSON, read strictly: what a tokenizer or Redis would choke on later is refused here by name.

orjson refuses bad UTF-8, lone surrogates, NaN and infinities. Of a repeated key it keeps the last, as RFC 8259 allows.
"""

from typing import Any

import orjson

from queue_config.errors import InvalidRequest

MAX_DEPTH = 64


def parse(body: bytes | str) -> Any:
    """Raise InvalidRequest, saying where and why but never what, for anything that is not plain JSON."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}") from None
    if _is_deeper(value, MAX_DEPTH):
        raise InvalidRequest(f"The request body is nested deeper than {MAX_DEPTH} levels")
    return value


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item.values()
            elif isinstance(item, list):
                below += item
        level = below
    return any(isinstance(item, dict | list) for item in level)
