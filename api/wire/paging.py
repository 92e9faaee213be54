"""Pages of a list: what the query asks for, and what the answer looks like."""

from collections.abc import Mapping
from typing import Any

from queue_config.errors import InvalidRequest
from queue_config.listing import Cursor

MAX_LIMIT = 1_000
DEFAULT_LIMIT = 20


def limit_of(query: Mapping[str, str]) -> int:
    """How many objects a page may have. Raises InvalidRequest."""
    text = query.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit():
        raise InvalidRequest("limit: Input should be a valid integer")
    if not 1 <= int(text[:10]) <= MAX_LIMIT:
        raise InvalidRequest(f"limit: range: 1..{MAX_LIMIT}")
    return int(text)


def cursor_of(query: Mapping[str, str]) -> Cursor:
    """Where the page lies. Raises InvalidRequest."""
    cursor = Cursor(query.get("after_id", ""), query.get("before_id", ""))
    if cursor.after and cursor.before:
        raise InvalidRequest("before_id: may not be given together with after_id")
    return cursor


def page(items: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    return {
        "data": items,
        "has_more": has_more,
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
    }
