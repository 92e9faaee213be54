"""A stream as an HTTP answer of server-sent events, which notices when its reader has gone."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import NamedTuple

from flask import Response

from api.client import Client
from api.reading import Frames, is_last
from api.wire import sse

_HEADERS = {
    "Cache-Control": "no-cache",
    # Proxies that know this header pass each event on at once.
    "X-Accel-Buffering": "no",
}


class Written(NamedTuple):
    """An event as bytes."""

    data: bytes
    is_end: bool
    """The answer has ended, as the log has it."""


Events = Generator[Written | None]
"""What there is to send, None on idle ticks."""


def sse_response(
    frames: Frames,
    client: Client,
    *,
    ping_interval_s: float,
    with_ids: bool,
    on_leave: Callable[[], None],
) -> Response:
    """`on_leave` is called once, where the reader goes before the end or the end is not the log's."""
    events = _encoded(frames, with_ids=with_ids)
    return event_response(events, client, keep_alive=sse.PING, ping_interval_s=ping_interval_s, on_leave=on_leave)


def event_response(
    events: Events,
    client: Client,
    *,
    keep_alive: bytes,
    ping_interval_s: float,
    on_leave: Callable[[], None],
) -> Response:
    """The same for events of any format; `keep_alive` is sent where there has been nothing else for a while."""
    client.limit_sends()
    body = _body(events, client, keep_alive=keep_alive, ping_interval_s=ping_interval_s, on_leave=on_leave)
    return Response(body, mimetype="text/event-stream", headers=_HEADERS)


def _encoded(frames: Frames, *, with_ids: bool) -> Events:
    with closing(frames):
        for item in frames:
            if item is None:
                yield None
            else:
                frame_id, frame = item
                data = sse.encode(frame, frame_id if with_ids else None)
                yield Written(data, frame_id is not None and is_last(frame))


def _body(
    events: Events,
    client: Client,
    *,
    keep_alive: bytes,
    ping_interval_s: float,
    on_leave: Callable[[], None],
) -> Generator[bytes]:
    ended = False
    wrote_at = time.monotonic()
    try:
        for event in events:
            if event is not None:
                ended = event.is_end
                wrote_at = time.monotonic()
                yield event.data
            elif client.is_gone():
                return
            elif time.monotonic() - wrote_at >= ping_interval_s:
                wrote_at = time.monotonic()
                yield keep_alive
    finally:
        events.close()
        if not ended:
            on_leave()
