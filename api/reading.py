"""Reading a request's answer as it grows; every way of reading ends, whatever fails."""

import logging
import time
from collections.abc import Generator

from api.endings import expire
from api.services import Services
from api.wire.errors import envelope
from api.wire.frame_id import BEFORE_ALL, FrameId
from api.wire.message import MessageHead
from api.wire.stream import Frame, MessageStream
from queue_config.connection import RedisError
from queue_config.errors import DeadlinePassed, PensieveError
from queue_config.event_log import Entry

OPENS_AFTER_S = 60.0
"""After this long without a word a block is opened early: some clients count only what happens in one, not pings."""
GRACE_S = 2.0
"""How long after the deadline the worker's own word is awaited; then nobody is at work."""

FORGOTTEN_TICKS = 4
"""After so many idle ticks somebody looks whether Redis still knows the request: without its files it forgets all."""
MOST_TICKS = 32
"""Each look doubles the ticks to the next one, up to this: thousands of requests may be waiting."""

Frames = Generator[tuple[FrameId | None, Frame] | None]

_logger = logging.getLogger(__name__)


def entries(services: Services, job_id: str, deadline_at: float) -> Generator[Entry | None]:
    """The log to its terminal event, None on idle ticks; DeadlinePassed where that event doesn't come in time."""
    idle_ticks = 0
    for entry in services.hub.follow(job_id):
        idle_ticks = idle_ticks + 1 if entry is None else 0
        if _is_due(idle_ticks) and _is_forgotten(services, job_id):
            raise PensieveError("Redis came back without this request; send it again.")
        overdue_s = time.time() - deadline_at
        if entry is None and overdue_s > 0:
            if overdue_s > GRACE_S:
                raise DeadlinePassed("The deadline passed before the answer was complete.")
            try:
                expire(services, job_id)
            except RedisError:
                _logger.warning("can't expire a request", extra={"job_id": job_id})
        yield entry


def _is_due(idle_ticks: int) -> bool:
    if idle_ticks >= MOST_TICKS:
        return idle_ticks % MOST_TICKS == 0
    return idle_ticks >= FORGOTTEN_TICKS and idle_ticks.bit_count() == 1


def _is_forgotten(services: Services, job_id: str) -> bool:
    try:
        return services.queue.find(job_id) is None
    except RedisError:
        return False


def frames(
    services: Services,
    head: MessageHead,
    deadline_at: float,
    request_id: str,
    after: FrameId = BEFORE_ALL,
    *,
    resumable: bool = True,
) -> Frames:
    """The stream's frames behind `after`, None on idle ticks; the last one is `message_stop` or `error`.

    An error without an id is this process's own: the log doesn't have it, and the request may still be running.
    Other frames without an id say nothing; they keep a silent stream alive.
    """
    stream = MessageStream(head, request_id, after)
    silence = _Silence(services.settings.ping_interval_s)
    try:
        yield from stream.start()
        for entry in entries(services, head.id, deadline_at):
            if entry is None:
                yield from silence.break_into(stream, may_open=not resumable)
                yield None
            else:
                silence.end()
                yield from stream.fold(entry)
    except PensieveError as error:
        yield None, envelope(error, request_id)
    except Exception:
        # The status line is long gone: the stream itself must say that it failed.
        _logger.exception("a stream failed", extra={"request_id": request_id, "job_id": head.id})
        yield None, envelope(PensieveError("Internal server error"), request_id)


class _Silence:
    """How long the log has said nothing, and what to send meanwhile."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self.end()

    def end(self) -> None:
        self._began_at = self._broken_at = time.monotonic()

    def break_into(self, stream: MessageStream, *, may_open: bool) -> Generator[tuple[None, Frame]]:
        now = time.monotonic()
        if now - self._broken_at < self._interval_s:
            return
        frame = stream.keep_alive(may_open=may_open and now - self._began_at >= OPENS_AFTER_S)
        if frame is not None:
            self._broken_at = now
            yield None, frame


def is_last(frame: Frame) -> bool:
    return frame["type"] in {"message_stop", "error"}
