"""Request bodies as JSON, read strictly: what a tokenizer or Redis would choke on later is refused here by name.

orjson refuses bad UTF-8, lone surrogates, NaN and infinities, but of a repeated key it keeps the last one, where what
checked the request before us may have looked at the first. jiter tells.
"""

from typing import Any

import jiter
import orjson

from queue_config.errors import InvalidRequest

MAX_DEPTH = 64


def parse(body: bytes | str) -> Any:
    """Raise InvalidRequest, saying where and why but never what, for anything that is not plain JSON."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}") from None
    # Before jiter, whose own limit of depth is another.
    if _is_deeper(value, MAX_DEPTH):
        raise InvalidRequest(f"The request body is nested deeper than {MAX_DEPTH} levels")
    _check_keys(body)
    return value


def _check_keys(body: bytes | str) -> None:
    try:
        jiter.from_json(body.encode() if isinstance(body, str) else body, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        # Its message shows the key.
        place = str(error).rpartition(" at ")[2]
        raise InvalidRequest(f"The request body repeats a key of an object: {place}") from None


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
