"""Waiting for the whole answer of somebody who may leave before it is there."""

from collections.abc import Callable
from contextlib import closing

from api.client import Client
from api.reading import entries
from api.services import Services
from queue_config.events import Event

CLIENT_CLOSED_REQUEST = 499
"""The status of an answer that nobody reads; proxies log it so."""


def wait(
    services: Services, job_id: str, deadline_at: float, client: Client, *, on_leave: Callable[[], None]
) -> list[Event] | None:
    """The finished log, or None where the client left. Raises DeadlinePassed.

    `on_leave` is called once, where the client goes or the log's end doesn't come.
    """
    log: list[Event] = []
    ended = False
    try:
        with closing(entries(services, job_id, deadline_at)) as following:
            for entry in following:
                if entry is not None:
                    log.append(entry.event)
                elif client.is_gone():
                    return None
        ended = True
    finally:
        if not ended:
            on_leave()
    return log
