"""Webhooks: tells whoever asked for it that a job or batch has ended, again and again until it is heard, or too late.

What is to be said, to whom, and how often it was tried stands in Redis; a try that was cut off is made again, under
the same `webhook-id`, so a receiver may get a message twice and can tell.
"""

import logging
import random
import threading
import time
from typing import Any, NamedTuple

import orjson

from api.endings import expire
from api.job_lookup import look_up
from api.services import Services
from api.webhook_post import Signer, post
from api.webhook_target import NotAllowed, Unreachable, check_url, locate
from api.wire import batch, fields, ids
from queue_config.connection import RedisError
from queue_config.errors import InvalidRequest, NotFound
from queue_config.webhook_store import Delivery

DELAYS_S = (5, 30, 120, 600, 1_800, 3_600, 7_200)
"""Between one try and the next: eight tries in three hours and three quarters."""
AT_ONCE = 8
IDLE_S = 1.0
TAKEN_S = 60.0
"""A try that has not ended by then died with its process."""
GONE = 410

_logger = logging.getLogger(__name__)


def url_of(services: Services, body: Any) -> str:
    """The URL in `webhook` of a request's body, "" without one. Raises InvalidRequest."""
    given = body.get("webhook") if isinstance(body, dict) else None
    if given is None:
        return ""
    settings = services.settings
    if not settings.webhook_secret:
        raise InvalidRequest("webhook: this server has no PENSIEVE_WEBHOOK_SECRET to sign webhooks with")
    url = fields.string(fields.mapping(given, "webhook"), "url", "webhook.")
    return check_url(url, "webhook.url", allow_private=settings.webhook_allow_private)


class Answer(NamedTuple):
    """What came of one try."""

    complaint: str
    is_final: bool = False
    """Another try would come to the same."""


HEARD = Answer("")


class Courier:
    def __init__(self, services: Services, signer: Signer) -> None:
        self._services = services
        self._store = services.webhooks
        self._signer = signer

    def turn(self) -> float:
        """Look for ends, and make the tries that are due; return after how many seconds to come back."""
        self._look_for_ends()
        now = time.time()
        due = self._store.take(now, now + TAKEN_S, AT_ONCE)
        # Together, so that one silent receiver holds up the others for one time-out at most.
        tries = [threading.Thread(target=self._try, args=(delivery,), daemon=True) for delivery in due]
        for one in tries:
            one.start()
        for one in tries:
            one.join(TAKEN_S / 2)
        return 0.0 if len(due) == AT_ONCE else IDLE_S

    def _look_for_ends(self) -> None:
        now = time.time()
        watched = self._store.watched()
        batches = [subject for subject in watched if ids.is_batch_id(subject)]
        jobs = [subject for subject in watched if not ids.is_batch_id(subject)]
        endings = self._services.log.endings(jobs)
        records = self._services.queue.find_all(jobs)
        for job_id in jobs:
            record = records.get(job_id)
            if record is None:
                _logger.warning("a job was forgotten before its end was told", extra={"job_id": job_id})
                self._store.drop(job_id)
            elif job_id in endings or record.status == "ended":
                self._ended(job_id, now)
            elif now > watched[job_id]:
                # Nobody may be looking, and no worker there.
                expire(self._services, job_id)
        for batch_id in batches:
            self._look_at_batch(batch_id, now)

    def _ended(self, job_id: str, now: float) -> None:
        try:
            shown = look_up(self._services, job_id, None)
        except NotFound:
            return
        self._store.ended(job_id, orjson.dumps(shown), now)

    def _look_at_batch(self, batch_id: str, now: float) -> None:
        record = self._services.batches.find(batch_id)
        if record is None:
            self._store.drop(batch_id)
        elif record.status == "ended":
            self._store.ended(batch_id, orjson.dumps(batch.view(record, record.host_url)), now)

    def _try(self, delivery: Delivery) -> None:
        try:
            self._conclude(delivery, self._deliver(delivery))
        except RedisError as error:
            _logger.warning("Redis failed: %s", error, extra={"subject": delivery.subject_id})

    def _deliver(self, delivery: Delivery) -> Answer:
        try:
            target = locate(delivery.url, allow_private=self._services.settings.webhook_allow_private)
            headers = self._signer.headers(delivery.subject_id, time.time(), delivery.body)
            status = post(target, delivery.body, headers)
        except Unreachable as error:
            return Answer(str(error))
        except NotAllowed as error:
            return Answer(f"it leads to {error}", is_final=True)
        return HEARD if 200 <= status < 300 else Answer(f"status {status}", is_final=status == GONE)

    def _conclude(self, delivery: Delivery, answer: Answer) -> None:
        told = {"subject": delivery.subject_id, "tries": delivery.tries, "complaint": answer.complaint}
        if answer == HEARD:
            self._store.drop(delivery.subject_id)
            _logger.info("a webhook was delivered", extra=told)
        elif answer.is_final or delivery.tries > len(DELAYS_S):
            self._store.drop(delivery.subject_id)
            _logger.warning("a webhook is given up", extra=told)
        else:
            # A little apart, so that those of one outage don't all come back in one instant.
            delay_s = DELAYS_S[delivery.tries - 1] * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
            self._store.put_off(delivery.subject_id, time.time() + delay_s)
            _logger.info("a webhook waits for its next try", extra=told)
