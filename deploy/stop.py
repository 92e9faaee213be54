"""Stopping the service: in order, and not before the last process is gone."""

from collections.abc import Callable

from deploy import process_table
from deploy.failure import Failure
from deploy.places import places
from deploy.progress import Progress
from deploy.supervision import SLACK_S
from deploy.supervisor_client import Supervisor
from queue_config.settings import Settings

_POLL_S = 0.25


def stop(settings: Settings, say: Callable[[str], object]) -> bool:
    """Return once nothing of this service runs; False if nothing did. Raise Failure if something can't be ended."""
    where = places(settings.home)
    if not process_table.ours(where):
        return False
    # Each of the three in turn may use its whole time.
    patience_s = 3 * (settings.drain_s + SLACK_S)
    with Progress(say).step("stopping; what runs may finish") as tick:
        if Supervisor(where).shut_down():
            waited_s = 0.0
            while waited_s < patience_s and not process_table.wait_until_gone(where, patience_s=_POLL_S):
                waited_s += _POLL_S
                tick(f"{len(process_table.ours(where))} processes are left")
        process_table.end(where, patience_s=settings.drain_s + SLACK_S)
    left = process_table.ours(where)
    if left:
        raise Failure(f"These processes could not be ended: {', '.join(map(str, left))}.")
    return True
