"""Starting the service: everything checked first, then started, then waited for until it is ready."""

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

from api.auth import require_key
from deploy import process_table
from deploy.failure import Failure
from deploy.model_choice import require_model, settled
from deploy.own_key import own_key
from deploy.places import Places, places, prepare
from deploy.ports import require_free
from deploy.progress import Progress
from deploy.readiness import wait_until_ready
from deploy.redis_check import open_door, promise, require_redis, warnings
from deploy.redis_server import Server, find_server
from deploy.running import Running, recall, remember
from deploy.service_redis import prepare_redis
from deploy.stop import stop
from deploy.supervision import programs, supervisor_config
from deploy.supervisor_client import Supervisor
from queue_config.settings import Settings


def start(
    settings: Settings,
    environ: Mapping[str, str],
    say: Callable[[str], object],
    *,
    worker: bool = True,
    supervisor: Supervisor | None = None,
) -> Running:
    """Return once the service answers; if it runs already, only make sure of that. Its `supervisor` is a detached one
    unless given.

    Raise Failure, with nothing left running, if it can't be brought up.
    """
    settings = replace(settings, model=settled(settings.model), draft_model=settled(settings.draft_model))
    where = places(settings.home)
    supervisor = supervisor or Supervisor(where)
    progress = Progress(say)
    prepare(where)
    with _alone(where):
        if supervisor.processes() is not None:
            return _already_running(settings, where, supervisor, progress, worker=worker)
        _end_leftovers(settings, where, progress)
        require_key(settings)
        require_free(settings.host, settings.port)
        model = require_model(settings, progress)
        running = Running.of(settings, worker=worker, model_name=model.name, held=supervisor.is_held)
        _bring_up(running, settings, where, environ, progress, supervisor)
        return running


@contextmanager
def _alone(where: Places) -> Iterator[None]:
    """One start at a time; the lock goes with this process, however it ends."""
    with where.start_lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failure("Another `pensieve start` is at work here; wait for it to end.") from error
        yield


def _already_running(
    settings: Settings, where: Places, supervisor: Supervisor, progress: Progress, *, worker: bool
) -> Running:
    running = recall(where)
    wanted = Running.of(settings, worker=worker)
    if running is None:
        raise Failure("Pensieve runs here, but its notes are gone. Run `pensieve stop`, then start it again.")
    if running != wanted:
        raise Failure(
            f"Pensieve runs here already, at {running.url} with {running.model}, and not as asked: at {wanted.url} "
            f"with {wanted.model}. Run `pensieve stop` (make down) first, then start it anew."
        )
    progress.say(f"Pensieve is already running at {running.url}.")
    wait_until_ready(running, where, supervisor, progress, api_key=own_key(settings))
    return running


def _end_leftovers(settings: Settings, where: Places, progress: Progress) -> None:
    """Processes that outlived a killed supervisor hold the port, the model's memory and Redis's data."""
    if process_table.ours(where):
        with progress.step("ending processes that an earlier run left behind"):
            process_table.end(where, patience_s=settings.drain_s + 5)


def _redis(settings: Settings) -> Server | None:
    if settings.redis_url:
        require_redis(settings.redis_url)
        return None
    return find_server()


def _bring_up(
    running: Running,
    settings: Settings,
    where: Places,
    environ: Mapping[str, str],
    progress: Progress,
    supervisor: Supervisor,
) -> None:
    redis = _redis(settings)
    if redis:
        settings = replace(settings, redis_url=prepare_redis(where))
    wanted = programs(settings, where, redis, worker=running.worker)
    where.supervisor_config.write_text(supervisor_config(wanted, where))
    remember(running, where)
    try:
        supervisor.start({**environ, **settings.to_env()})
        wait_until_ready(running, where, supervisor, progress, api_key=own_key(settings))
        state = require_redis(settings.redis_url)
        progress.say(f"Redis: {promise(state)}.")
        for warning in filter(None, (*warnings(state), open_door(settings.redis_url))):
            progress.say(f"Warning: {warning}.")
    except BaseException:  # Ctrl-C too: a service that never became ready is not left behind
        with suppress(Failure):
            stop(settings, progress.say)
        raise
