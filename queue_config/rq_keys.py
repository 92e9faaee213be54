"""RQ's own keys, for what is done to its books by scripts; a test compares them with RQ's."""

QUEUES = "rq:queues"
"""Set of the keys of all queues."""

WORKERS = "rq:workers"
"""Set of the keys of all workers."""

_QUEUE = "rq:queue:"


def queue(name: str) -> str:
    """List: the ids that wait."""
    return _QUEUE + name


def queue_name(key: str) -> str:
    return key.removeprefix(_QUEUE)


def job(job_id: str) -> str:
    """Hash: the record."""
    return f"rq:job:{job_id}"


def results(job_id: str) -> str:
    """Stream."""
    return f"rq:results:{job_id}"


def started(queue_name: str) -> str:
    """Sorted set of `JOB:EXECUTION`."""
    return f"rq:wip:{queue_name}"


def finished(queue_name: str) -> str:
    """Sorted set of ids, by when they are forgotten."""
    return f"rq:finished:{queue_name}"


def failed(queue_name: str) -> str:
    """Sorted set of ids, by when they are forgotten."""
    return f"rq:failed:{queue_name}"


def execution(job_id: str, execution_id: str) -> str:
    """Hash."""
    return f"rq:execution:{job_id}:{execution_id}"


def executions(job_id: str) -> str:
    """Sorted set of a job's executions."""
    return f"rq:executions:{job_id}"


def worker(name: str) -> str:
    """Hash: what RQ knows of a worker."""
    return f"rq:worker:{name}"


def worker_executions(name: str) -> str:
    """Set of `JOB:EXECUTION`."""
    return f"rq:worker:{name}:executions"


def workers_of(queue_name: str) -> str:
    """Set of the keys of the workers that serve a queue."""
    return f"rq:workers:{queue_name}"
