"""Upkeep: what goes on without anybody asking: moving batches on, sending webhooks, taking over from dead workers."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.batch_pump import BatchPump
from api.chores import Chore
from api.services import Services
from api.webhook_post import Signer
from api.webhooks import Courier
from queue_config.chore_lease import ChoreLease
from queue_config.reaper import Reaper
from queue_config.reaper_thread import ReaperThread


def chores(services: Services) -> list[Chore]:
    """Not started. Raises BadSetting for a secret that is none."""
    redis, secret = services.redis, services.settings.webhook_secret
    found = [Chore("batches", ChoreLease(redis, "batches"), BatchPump(services).turn)]
    if secret:
        found.append(Chore("webhooks", ChoreLease(redis, "webhooks"), Courier(services, Signer(secret)).turn))
    return found


def _threads(services: Services) -> list[Chore | ReaperThread]:
    settings = services.settings
    reaper = Reaper(services.redis, result_ttl_s=settings.result_ttl_s, live_ttl_s=settings.live_ttl_s)
    return [*chores(services), ReaperThread(reaper)]


def start(services: Services) -> None:
    """In every API process, for as long as it lives."""
    for thread in _threads(services):
        thread.start()


@contextmanager
def kept_up(services: Services) -> Iterator[None]:
    """For as long as the context lasts."""
    running = _threads(services)
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        for thread in running:
            thread.close()
