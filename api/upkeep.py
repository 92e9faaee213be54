"""Upkeep: what goes on unasked: moving batches on, webhooks, ending the overdue, burying dead workers, counting."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.batch_pump import BatchPump
from api.chores import chore
from api.services import Services
from api.webhook_post import Signer
from api.webhooks import Courier
from queue_config.chore_lease import ChoreLease
from queue_config.counts import FLUSH_S, STARTED, Count
from queue_config.deadlines import Deadlines
from queue_config.reaper import Reaper
from queue_config.reaper_thread import reaper_thread
from queue_config.redis_watch import redis_watch
from queue_config.rounds import Rounds


def _rounds(services: Services) -> list[Rounds]:
    """Not started. Raises BadSetting for a secret that is none."""
    redis, settings = services.redis, services.settings
    found = [chore("batches", ChoreLease(redis, "batches"), BatchPump(services).turn)]
    if settings.webhook_secret:
        courier = Courier(services, Signer(settings.webhook_secret))
        found.append(chore("webhooks", ChoreLease(redis, "webhooks"), courier.turn))
    reaper = Reaper(redis, result_ttl_s=settings.result_ttl_s, live_ttl_s=settings.live_ttl_s)
    deadlines = Deadlines(redis, services.log, result_ttl_s=settings.result_ttl_s)
    services.counts.add(Count(STARTED, ("api",)))
    counts = Rounds("counts", services.counts.turn, failed_pause_s=FLUSH_S)
    return [redis_watch(redis), *found, reaper_thread(reaper, deadlines), counts]


def start(services: Services) -> list[Rounds]:
    """In every API process, for as long as it lives; returns what runs now."""
    running = _rounds(services)
    for rounds in running:
        rounds.start()
    return running


@contextmanager
def kept_up(services: Services) -> Iterator[None]:
    """For as long as the context lasts."""
    running = start(services)
    try:
        yield
    finally:
        for rounds in running:
            rounds.close()
