"""The API version that a request speaks."""

import re

from queue_config.errors import InvalidRequest

DEFAULT_VERSION = "2023-06-01"
WITHOUT_SAMPLING = "2026-10-21"
"""From this version on, temperature, top_p and top_k are no fields of a request."""
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def check_version(header: str | None) -> str:
    """Versions are dates, and newer ones than we know read like the newest."""
    if header is None:
        return DEFAULT_VERSION
    if not _FORM.fullmatch(header):
        raise InvalidRequest("anthropic-version: must be a date such as 2023-06-01")
    return header
