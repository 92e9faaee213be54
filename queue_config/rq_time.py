"""What scripts write into RQ's records as RQ itself does: times and reasons."""

import base64
import zlib
from datetime import UTC, datetime


def rq_now() -> str:
    """ISO 8601, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def as_rq_writes(reason: str) -> str:
    """Why a job failed."""
    return base64.b64encode(zlib.compress(reason.encode())).decode()
