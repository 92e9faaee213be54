"""SocketSession: many requests over one WebSocket, each answered with the frames of its stream."""

import logging
import threading
from typing import Any, Protocol

from flask_sock import ConnectionClosed

from api.admission import ask
from api.caller import Caller
from api.endings import abandon, cancel
from api.job_lookup import find, head_for, look_up
from api.reading import Frames, frames, is_last
from api.services import Services
from api.submission import submit
from api.wire import fields, ids, sse, strict_json
from api.wire.errors import envelope
from api.wire.frame_id import BEFORE_ALL, FrameId
from api.wire.message import MessageHead
from api.wire.request import parse_messages
from queue_config.connection import RedisError
from queue_config.errors import InvalidRequest, Overloaded, PensieveError

MAX_OPEN = 64
"""Streams that one socket may carry at a time."""

_logger = logging.getLogger(__name__)


class Connection(Protocol):
    """Both methods raise ConnectionClosed once either side has closed."""

    def receive(self) -> str | bytes: ...

    def send(self, data: str) -> None: ...


class SocketSession:
    """A closed socket cancels the requests that it created, unless they were created with `detach`."""

    def __init__(self, services: Services, connection: Connection, version: str, caller: Caller) -> None:
        self._services = services
        self._connection = connection
        self._version = version
        self._caller = caller
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._open = 0
        self._owned: set[str] = set()

    def run(self) -> None:
        """Answer messages until the socket closes."""
        try:
            while True:
                self._answer(self._connection.receive())
        except (ConnectionClosed, OSError):
            pass
        finally:
            self._closed.set()
            with self._lock:
                left = list(self._owned)
            for job_id in left:
                abandon(self._services, job_id)

    def _answer(self, text: str | bytes) -> None:
        ref: Any = None
        try:
            message = fields.mapping(strict_json.parse(text), "message")
            ref = message.get("ref")
            self._do(message, len(text), ref)
        except PensieveError as error:
            self._send_error(error, ref)
        except RedisError:
            self._send_error(Overloaded("The queue can't be reached; try again soon."), ref)
        except (ConnectionClosed, OSError):
            raise
        except Exception:
            _logger.exception("a WebSocket message failed")
            self._send_error(PensieveError("Internal server error"), ref)

    def _do(self, message: dict[str, Any], size_bytes: int, ref: Any) -> None:
        match fields.one_of(message, "type", ("create", "resume", "cancel")):
            case "create":
                self._create(message, size_bytes, ref)
            case "resume":
                self._resume(message, ref)
            case _:
                self._cancel(message, ref)

    def _create(self, message: dict[str, Any], size_bytes: int, ref: Any) -> None:
        self._check_open()
        ask(self._services, self._caller, size_bytes)
        detach = fields.boolean(message, "detach", default=False)
        parsed = parse_messages(fields.present(message, "request"), self._version, self._services.seal)
        job = submit(self._services, parsed, "interactive", tenant=self._caller.tenant)
        if not detach:
            with self._lock:
                self._owned.add(job.id)
        head = MessageHead.of(job, self._services.seal)
        self._start(head, frames(self._services, head, job.deadline_at, ids.new_request_id()), ref)

    def _resume(self, message: dict[str, Any], ref: Any) -> None:
        self._check_open()
        record = find(self._services, fields.string(message, "id"), self._caller.tenant)
        last = message.get("last_event_id")
        after = BEFORE_ALL if last is None else FrameId.parse(fields.string(message, "last_event_id"))
        head = head_for(self._services, record)
        self._start(head, frames(self._services, head, record.deadline_at, ids.new_request_id(), after), ref)

    def _cancel(self, message: dict[str, Any], ref: Any) -> None:
        job_id = fields.string(message, "id")
        find(self._services, job_id, self._caller.tenant)
        cancel(self._services, job_id)
        self._send(look_up(self._services, job_id, self._caller.tenant) | {"ref": ref})

    def _check_open(self) -> None:
        if self._open >= MAX_OPEN:
            raise InvalidRequest(f"At most {MAX_OPEN} streams may be open on one socket")
        self._services.open_answers.check(self._caller)

    def _start(self, head: MessageHead, stream: Frames, ref: Any) -> None:
        with self._lock:
            self._open += 1
        self._services.open_answers.enter(self._caller)
        threading.Thread(target=self._forward, args=(head.id, stream, ref), name=head.id, daemon=True).start()

    def _forward(self, job_id: str, stream: Frames, ref: Any) -> None:
        try:
            for item in stream:
                if item is not None:
                    self._pass_on(job_id, ref, *item)
                elif self._closed.is_set():
                    return
        except (ConnectionClosed, OSError):
            return
        finally:
            stream.close()
            self._services.open_answers.leave(self._caller)
            with self._lock:
                self._open -= 1

    def _pass_on(self, job_id: str, ref: Any, frame_id: FrameId | None, frame: dict[str, Any]) -> None:
        if frame_id is None and not is_last(frame):
            # It keeps a silent stream alive; a socket has pings of its own for that.
            return
        if frame_id is not None and is_last(frame):
            with self._lock:
                self._owned.discard(job_id)
        self._send(frame | {"id": job_id, "event_id": str(frame_id) if frame_id else None, "ref": ref})

    def _send_error(self, error: PensieveError, ref: Any) -> None:
        self._send(envelope(error, ids.new_request_id()) | {"id": None, "event_id": None, "ref": ref})

    def _send(self, message: dict[str, Any]) -> None:
        self._connection.send(sse.dump(message).decode())
