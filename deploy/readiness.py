"""Waiting until a started service can answer, and saying what it waits for."""

import time

from deploy.failure import Failure
from deploy.health import Answer, Health, ask
from deploy.log_files import readable, tail
from deploy.places import Places
from deploy.progress import Progress
from deploy.running import Running
from deploy.supervisor_client import Process, Supervisor

PATIENCE_S = 900.0
"""The largest models take minutes to load from a slow disk."""
FAILURES_ALLOWED = 1
"""A process may fail once while what it needs is still coming up; twice is no accident."""
_POLL_S = 0.2
_LOG_LINES = 15


def wait_until_ready(
    running: Running, where: Places, supervisor: Supervisor, progress: Progress, *, api_key: str
) -> None:
    """Raise Failure, after showing the log of the process that is to blame, if it won't come up."""
    failures = FailureCount()
    give_up_at = time.monotonic() + PATIENCE_S
    with progress.step("starting the processes, until all are ready") as tick:
        while True:
            answer = ask(running.host, running.port, running.ready_path, api_key=api_key)
            if answer.health is Health.READY:
                return
            if answer.health is Health.REFUSED:
                raise Failure(f"The service at {running.url} has a key; set PENSIEVE_API_KEY to it.")
            processes = supervisor.processes()
            if processes is None:
                raise Failure(f"The process supervisor has ended; see {where.log_of('supervisor')}.")
            culprit = failures.culprit(processes)
            if culprit is None and time.monotonic() > give_up_at:
                culprit = "worker" if answer.health is Health.NOT_READY else "api"
            if culprit:
                raise Failure(_blame(culprit, where, progress))
            tick(waiting_for(answer, processes))
            time.sleep(_POLL_S)


class FailureCount:
    """How often each process was seen to fall into failure."""

    def __init__(self) -> None:
        self._failing: frozenset[str] = frozenset()
        self._counts: dict[str, int] = {}

    def culprit(self, processes: list[Process]) -> str | None:
        """Take in one look at the processes; name the first that failed too often."""
        failing = frozenset(process.name for process in processes if process.has_failed)
        for name in failing - self._failing:
            self._counts[name] = self._counts.get(name, 0) + 1
        self._failing = failing
        # Redis, then the worker, then the API: the others fail for want of the first.
        ordered = [p.name for p in processes if self._counts.get(p.name, 0) > FAILURES_ALLOWED]
        return min(ordered, key=("redis", "worker", "api").index, default=None)


def waiting_for(answer: Answer, processes: list[Process]) -> str:
    failed = [process.name for process in processes if process.has_failed]
    if failed:
        return f"{' and '.join(failed)} stopped and is started again"
    if answer.health is Health.SILENT:
        return "the API is starting"
    return f"the worker is loading the model ({answer.reason})" if answer.reason else "the worker is loading the model"


def _blame(culprit: str, where: Places, progress: Progress) -> str:
    log = where.log_of(culprit)
    progress.say(f"\nThe last lines of {log}:")
    for line in tail(log, _LOG_LINES):
        for part in readable(line).splitlines():
            progress.say(f"    {part}")
    progress.say("")
    return f"Pensieve did not start: its {culprit} process fails; its last words stand above, the whole log in {log}."
