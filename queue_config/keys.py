"""Every Redis key and channel that Pensieve uses; no other file spells one."""

from queue_config.request import Lane

LIVE = "pensieve:live"
"""Channel: every event as it is logged, one frame a flush (see event_log)."""

CONTROL = "pensieve:control"
"""Channel from API to workers: `wake`, or `cancel:ID`."""

WORKERS = "pensieve:workers"
"""Set of the names under which workers hold, or held, a lease; who is not in it may claim nothing."""

BURIED = "pensieve:buried"
"""Set of the names of dead workers, while what they had is being taken from them."""

MODELS = "pensieve:models"
"""Sorted set: the models that workers serve, or served not long ago, by when one last said so (Redis's clock)."""

DEADLINES = "pensieve:deadlines"
"""Sorted set: the requests that have not ended, by their deadline."""

REFUSED = "pensieve:refused"
"""How many writes of workers that had been overtaken were refused."""

COUNTS = "pensieve:counts"
"""Hash: what has happened in the whole service, by kind (see counts)."""

PROBE = "pensieve:probe"
"""Written by readiness checks, to see that Redis takes writes."""


QUEUES = "pensieve:"
"""How the RQ names of all our queues begin."""


def queue(model: str, lane: Lane) -> str:
    """The RQ queue's name (RQ prefixes it with `rq:queue:`)."""
    return f"{QUEUES}{model}:{lane}"


def events(job_id: str) -> str:
    return f"pensieve:events:{job_id}"


def canceled(job_id: str) -> str:
    return f"pensieve:canceled:{job_id}"


def claims(worker: str) -> str:
    """List of ids that a worker has taken from a queue and not yet started."""
    return f"pensieve:claims:{worker}"


def lease(worker: str) -> str:
    return f"pensieve:lease:{worker}"


def report(worker: str) -> str:
    """String: what a worker does right now, as JSON."""
    return f"pensieve:report:{worker}"


def jobs(tenant: str) -> str:
    """Sorted set: a tenant's requests by creation, those of batches left out."""
    return f"pensieve:jobs:{tenant}"


def rate(tenant: str) -> str:
    """Hash: what a key's buckets hold of requests and tokens, and when they were last filled."""
    return f"pensieve:rate:{tenant}"


def idempotency(tenant: str, digest: str) -> str:
    """String: what was accepted under an Idempotency-Key, of which `digest` is the hash."""
    return f"pensieve:idempotency:{tenant}:{digest}"


def chore(name: str) -> str:
    """String: which API process does this chore of the whole service just now."""
    return f"pensieve:chore:{name}"


BATCHES_ACTIVE = "pensieve:batches:active"
"""Sorted set of the batches that have not ended, by creation."""


def batches(tenant: str) -> str:
    """Sorted set of a tenant's batches, by creation."""
    return f"pensieve:batches:of:{tenant}"


def batch(batch_id: str) -> str:
    """Hash: a batch's record."""
    return f"pensieve:batch:{batch_id}"


def batch_requests(batch_id: str) -> str:
    """Hash from a request's number to the request, of those that have no result yet."""
    return f"pensieve:batch:{batch_id}:requests"


def batch_todo(batch_id: str) -> str:
    """List: the numbers of the requests that are not in a queue yet, in order."""
    return f"pensieve:batch:{batch_id}:todo"


def batch_flying(batch_id: str) -> str:
    """Hash from message id to number and custom id, of the requests that are queued or running."""
    return f"pensieve:batch:{batch_id}:flying"


def batch_results(batch_id: str) -> str:
    """List of lines of JSON."""
    return f"pensieve:batch:{batch_id}:results"


WEBHOOKS_WATCHED = "pensieve:webhooks:watched"
"""Sorted set of jobs and batches whose end somebody wants to hear of, by the time at which they must have ended."""

WEBHOOKS_DUE = "pensieve:webhooks:due"
"""Sorted set of jobs and batches that have ended, by the time of the next try to say so."""


def webhook(subject_id: str) -> str:
    """Hash: whom to tell of the end of a job or batch, and what."""
    return f"pensieve:webhook:{subject_id}"
