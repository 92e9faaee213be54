"""Times as the API writes them."""

from datetime import UTC, datetime


def rfc3339(unix_s: float) -> str:
    """Unix seconds as `2026-11-22T02:13:20.500Z`."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
