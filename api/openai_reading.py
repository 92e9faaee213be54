"""Reading an answer as it grows, in OpenAI's chunks."""

import logging
from collections.abc import Iterator
from typing import Any, Protocol

from api.reading import entries
from api.services import Services
from api.sse_response import Events, Written
from api.wire_openai import sse
from api.wire_openai.errors import envelope
from queue_config.errors import PensieveError
from queue_config.events import TERMINAL, Event
from queue_config.job_queue import JobRecord

_logger = logging.getLogger(__name__)


class Chunks(Protocol):
    """A fold of events into chunks."""

    def start(self) -> Iterator[dict[str, Any]]: ...

    def fold(self, event: Event) -> Iterator[dict[str, Any]]: ...


def events(services: Services, job: JobRecord, chunks: Chunks, request_id: str) -> Events:
    """The chunks as they come, None on idle ticks; `[DONE]` is the last one, behind an error too."""
    failure: PensieveError | None = None
    try:
        for chunk in chunks.start():
            yield Written(sse.encode(chunk), is_end=False)
        for entry in entries(services, job.id, job.deadline_at):
            if entry is None:
                yield None
            else:
                for chunk in chunks.fold(entry.event):
                    yield Written(sse.encode(chunk), is_end=isinstance(entry.event, TERMINAL))
    except PensieveError as error:
        failure = error
    except Exception:
        # The status line is long gone: the stream itself must say that it failed.
        _logger.exception("a stream failed", extra={"request_id": request_id, "job_id": job.id})
        failure = PensieveError("Internal server error")
    if failure:
        yield Written(sse.encode(envelope(failure)), is_end=False)
    yield Written(sse.DONE, is_end=failure is None)
