"""Every Redis key and channel that Pensieve uses; no other file spells one."""

from queue_config.request import Lane

LIVE = "pensieve:live"
"""Channel: every event as it is logged, one frame a flush (see event_log)."""

CONTROL = "pensieve:control"
"""Channel from API to workers: `wake`, or `cancel:ID`."""

WORKERS = "pensieve:workers"
"""Set of the names under which workers hold, or held, a lease."""

PROBE = "pensieve:probe"
"""Written by readiness checks, to see that Redis takes writes."""


def queue(model: str, lane: Lane) -> str:
    """The RQ queue's name (RQ prefixes it with `rq:queue:`)."""
    return f"pensieve:{model}:{lane}"


def events(job_id: str) -> str:
    return f"pensieve:events:{job_id}"


def canceled(job_id: str) -> str:
    return f"pensieve:canceled:{job_id}"


def claims(slot: str) -> str:
    """List of ids that a slot has taken from a queue and not yet started."""
    return f"pensieve:claims:{slot}"


def lease(worker: str) -> str:
    return f"pensieve:lease:{worker}"
