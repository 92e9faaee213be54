"""Times as RQ writes them into its records, for what is written there by scripts."""

from datetime import UTC, datetime


def rq_now() -> str:
    """ISO 8601, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
