"""Deadline: how long the request at hand may take from its acceptance to the end of its answer."""

from flask import request

from queue_config.errors import InvalidRequest
from queue_config.settings import Settings

HEADER = "X-Pensieve-Deadline-S"


def deadline_s(settings: Settings) -> float:
    """As its header says, or the setting. Raises InvalidRequest."""
    text = request.headers.get(HEADER)
    if text is None:
        return settings.deadline_s
    longest_s = max(settings.deadline_s, settings.max_deadline_s)
    try:
        asked_s = float(text)
    except ValueError:
        asked_s = 0.0
    if not 0 < asked_s <= longest_s:
        raise InvalidRequest(f"{HEADER.lower()}: should be a number of seconds above 0, and at most {longest_s:g}")
    return asked_s
