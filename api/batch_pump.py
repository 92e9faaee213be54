"""BatchPump: moves batches on. It feeds their requests into the queue a few at a time, and collects the answers.

All that it knows is in Redis, and every step may be repeated: it may die anywhere, and two may run at once.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import orjson

from api.batch_window import Window
from api.endings import cancel, expire
from api.job_lookup import head_for
from api.services import Services
from api.submission import Times, prepare
from api.wire import batch, ids
from api.wire.job import has_ended
from api.wire.message import fold
from api.wire.request import MessagesRequest, parse_messages
from queue_config.batch_feed import BatchRequest, Outcome, Place
from queue_config.batch_record import BatchRecord
from queue_config.connection import RedisError
from queue_config.errors import GenerationFailed, NoWorker, PensieveError
from queue_config.events import Canceled, Event, Expired
from queue_config.job_queue import JobRecord
from queue_config.request import GenerationRequest

BUSY_S = 0.05
IDLE_S = 0.5
AUDIT_S = 5.0
"""How often messages without an end are looked up, lest one was lost."""
GRACE_S = 10.0
"""How long after its expiry a batch waits for a worker's own word on what it has in hand."""
LAUNCH_AT_ONCE = 16
END_AT_ONCE = 200

_SILENT_END = GenerationFailed("api_error", "The request ended without an answer.")
Launch = tuple[Place, GenerationRequest]

_logger = logging.getLogger(__name__)


class BatchPump:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._feed = services.feed
        self._audit_at = 0.0

    def turn(self) -> float:
        """Do what can be done now; return after how many seconds to come back."""
        in_hand = {batch_id: self._feed.flying(batch_id) for batch_id in self._feed.active()}
        is_audit = time.monotonic() >= self._audit_at
        if is_audit:
            self._audit_at = time.monotonic() + AUDIT_S
        window = Window(self._services.settings.batch_window, self._tenants(in_hand))
        for batch_id, flying in in_hand.items():
            window.take(batch_id, len(flying))
        has_moved = False
        for batch_id, flying in in_hand.items():
            left = self._collect(batch_id, flying)
            if is_audit:
                left = self._audit(batch_id, left)
            window.take(batch_id, len(left) - len(flying))
            launched = self._move_on(batch_id, left, window.room(batch_id))
            window.take(batch_id, launched)
            has_moved |= launched > 0 or len(left) < len(flying)
        return BUSY_S if has_moved else IDLE_S

    def _tenants(self, batch_ids: Iterable[str]) -> dict[str, str]:
        records = {batch_id: self._services.batches.find(batch_id) for batch_id in batch_ids}
        return {batch_id: record.tenant if record else "" for batch_id, record in records.items()}

    def _move_on(self, batch_id: str, flying: Mapping[str, Place], room: int) -> int:
        """Launch up to `room` requests, or end them where the batch is to end; return how many were launched."""
        record = self._services.batches.find(batch_id)
        launched = 0
        if record is not None and record.status == "canceling":
            self._wind_up(record, flying, cancel)
        elif record is not None and time.time() > record.expires_at:
            self._wind_up(record, flying, expire)
        elif record is not None:
            launched = self._launch(record, room)
        if self._feed.close(batch_id, time.time()):
            _logger.info("a batch has ended", extra={"batch": batch_id})
        return launched

    # Answers

    def _collect(self, batch_id: str, flying: Mapping[str, Place]) -> dict[str, Place]:
        """Write the results of those that have ended; return the others."""
        endings = self._services.log.endings(flying)
        records = self._services.queue.find_all(endings)
        for job_id, end in endings.items():
            place = flying[job_id]
            match end:
                case Canceled():
                    self._feed.end(batch_id, place, "canceled", batch.canceled(place.custom_id), job_id)
                case Expired():
                    self._feed.end(batch_id, place, "expired", batch.expired(place.custom_id), job_id)
                case _ if job_id in records:
                    self._answer(batch_id, place, records[job_id])
                case _:
                    # Its record has gone before anybody came for the answer.
                    self._feed.put_back(batch_id, job_id, place)
        return {job_id: place for job_id, place in flying.items() if job_id not in endings}

    def _answer(self, batch_id: str, place: Place, record: JobRecord) -> None:
        log: list[Event] = [entry.event for entry in self._services.log.read(record.id)]
        if not has_ended(log):
            # Forgotten since; the audit will see to it.
            return
        try:
            message = fold(head_for(self._services, record), log)
            line = batch.succeeded(place.custom_id, message)
        except PensieveError as error:
            self._err(batch_id, place, error, record.id)
        except Exception:
            _logger.exception("an answer can't be read", extra={"batch": batch_id, "job_id": record.id})
            self._err(batch_id, place, PensieveError("Internal server error"), record.id)
        else:
            self._feed.end(batch_id, place, "succeeded", line, record.id)

    def _err(self, batch_id: str, place: Place, error: PensieveError, job_id: str = "") -> None:
        line = batch.errored(place.custom_id, error, ids.new_request_id())
        self._feed.end(batch_id, place, "errored", line, job_id)

    def _audit(self, batch_id: str, flying: Mapping[str, Place]) -> dict[str, Place]:
        """Deal with messages that will never end by themselves; return the others."""
        records = self._services.queue.find_all(flying)
        # After the records: one whose record ended with its log shows that end here.
        endings = self._services.log.endings(flying)
        left: dict[str, Place] = {}
        for job_id, place in flying.items():
            record = records.get(job_id)
            if job_id in endings:
                left[job_id] = place
            elif record is None or (record.status == "queued" and self._services.models.is_away(record.model)):
                # Forgotten, or left in the queue of a model that nobody serves any more.
                self._feed.put_back(batch_id, job_id, place)
                cancel(self._services, job_id)
            elif record.status == "ended":
                self._err(batch_id, place, _SILENT_END, job_id)
            else:
                left[job_id] = place
        return left

    # Requests

    def _launch(self, record: BatchRecord, room: int) -> int:
        launched = 0
        if not self._services.queue.room.is_there():
            return launched
        while launched < room:
            numbers, requests = self._feed.next(record.id, min(LAUNCH_AT_ONCE, room - launched))
            if not numbers:
                break
            launches: list[Launch] = []
            for request in requests:
                place = Place(request.number, request.custom_id)
                prepared = self._prepare(record, request)
                if isinstance(prepared, NoWorker):
                    # It waits here, where it keeps no place that another batch could use.
                    numbers = numbers[: numbers.index(request.number)]
                    break
                if isinstance(prepared, PensieveError):
                    self._err(record.id, place, prepared)
                else:
                    launches.append((place, prepared))
            if not numbers or not self._feed.launch(record.id, numbers, launches):
                break
            launched += len(numbers)
        return launched

    def _prepare(self, record: BatchRecord, request: BatchRequest) -> GenerationRequest | PensieveError:
        try:
            parsed = self._services.reading.run(partial(self._read, record, request), len(request.params))
            self._services.models.require_worker(self._services.models.named(parsed.model))
            times = Times(time.time(), record.expires_at)
            return prepare(self._services, parsed, "batch", times, tenant=record.tenant)
        except PensieveError as error:
            return error
        except RedisError:
            # Says nothing of the request.
            raise
        except Exception:
            # One request that we can't read must not hold up all batches for ever.
            _logger.exception("a request of a batch failed", extra={"batch": record.id, "number": request.number})
            return PensieveError("Internal server error")

    def _read(self, record: BatchRecord, request: BatchRequest) -> MessagesRequest:
        params = orjson.loads(request.params)
        batch.check_params(params)
        return parse_messages(params, record.version, self._services.seal)

    def _wind_up(
        self, record: BatchRecord, flying: Mapping[str, Place], stop: Callable[[Services, str], object]
    ) -> None:
        """End what waits, and stop what is in hand, whose ends are collected later."""
        self._end_waiting(record)
        for job_id, place in flying.items():
            stop(self._services, job_id)
            if time.time() > record.expires_at + GRACE_S:
                # No worker will say anything of it; if one comes back, it is to drop it.
                self._services.control.cancel(job_id)
                self._feed.end(record.id, place, "expired", batch.expired(place.custom_id), job_id)

    def _end_waiting(self, record: BatchRecord) -> None:
        outcome: Outcome = "canceled" if record.status == "canceling" else "expired"
        line_of = batch.canceled if outcome == "canceled" else batch.expired
        while True:
            numbers, requests = self._feed.next(record.id, END_AT_ONCE)
            if not numbers:
                return
            custom_ids = {request.number: request.custom_id for request in requests}
            # A number without a request has its result: only the number is taken away.
            lines = [(number, line_of(custom_ids.get(number, ""))) for number in numbers]
            self._feed.end_waiting(record.id, outcome, lines)
