"""What of a service runs here: its address, what a crash left behind, its worker."""

from collections.abc import Sequence
from pathlib import Path

from deploy.doctor.finding import Finding, bad, ok
from deploy.failure import Failure
from deploy.health import Answer, Health
from deploy.ports import require_free
from deploy.running import Running
from deploy.supervisor_client import Process
from queue_config.lease import WorkerStatus


def address(host: str, port: int) -> Finding:
    """Where nothing of ours runs: whether we could answer there."""
    try:
        require_free(host, port)
    except Failure as failure:
        return bad("address", f"{host}:{port} can't be used", str(failure))
    return ok("address", f"{host}:{port} is free")


def answers(running: Running, answer: Answer) -> Finding:
    if answer.health is Health.READY:
        return ok("address", f"Pensieve runs at {running.url}, and is ready")
    why = f": {answer.reason}" if answer.reason else ""
    return bad("address", f"Pensieve at {running.url} is {answer.health.value}{why}", "look at: pensieve logs")


def leftovers(pidfile: Path, living: Sequence[int]) -> Finding:
    """Where no supervisor answers: what it left. `living` are pids of processes of this service."""
    if living:
        pids = ", ".join(map(str, living))
        return bad("leftovers", f"processes of an earlier run are alive without a supervisor: {pids}", "pensieve stop")
    if pidfile.exists():
        return bad(
            "leftovers",
            f"{pidfile} names a supervisor that is gone: it was killed, or the machine went down",
            f"pensieve start (it takes over), or rm {pidfile}",
        )
    return ok("leftovers", "no earlier run left anything behind")


def worker(model: str, processes: Sequence[Process], live: Sequence[WorkerStatus], missing: Sequence[str]) -> Finding:
    """`missing` are workers whose lease ran out and whose requests nobody has taken over yet."""
    look = "look at: pensieve logs worker"
    failed = [process for process in processes if process.name == "worker" and process.has_failed]
    if failed:
        return bad("worker", f"the worker process is {failed[0].state.lower()}: it ends soon after each start", look)
    serving = [status for status in live if status.model == model]
    if missing:
        others = "others have its requests within seconds" if serving else "its requests wait for the next one"
        return bad("worker", f"worker {missing[0]} died without a word; {others}", look)
    if not serving:
        return bad("worker", f"no worker with {model} is alive", f"start one: pensieve start; {look}")
    return ok("worker", f"worker {serving[0].name} on {serving[0].device} is alive")
