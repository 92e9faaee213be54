"""The service of this home, for commands that need one: started if it does not run, waited for if it is not ready."""

import os
from collections.abc import Callable

from deploy.health import Health, ask
from deploy.own_key import own_key
from deploy.places import places
from deploy.progress import Progress
from deploy.readiness import wait_until_ready
from deploy.running import Running, recall
from deploy.supervisor_client import Supervisor
from queue_config.settings import Settings


def ready_service(settings: Settings, say: Callable[[str], object]) -> Running:
    """This home's service, whatever model it has. Raises Failure where it doesn't come up."""
    where = places(settings.home)
    supervisor = Supervisor(where)
    running = recall(where)
    if running is None or supervisor.processes() is None:
        from deploy.start import start  # noqa: PLC0415 - slow to import, rarely needed

        return start(settings, os.environ, say)
    answer = ask(running.host, running.port, running.ready_path, api_key=own_key(settings))
    if answer.health is not Health.READY:
        wait_until_ready(running, where, supervisor, Progress(say), api_key=own_key(settings))
    return running
