"""A stream of frames as an HTTP answer of server-sent events, which notices when its reader has gone."""

import time
from collections.abc import Callable, Generator

from flask import Response

from api.client import Client
from api.reading import Frames, is_last
from api.wire import sse

_HEADERS = {
    "Cache-Control": "no-cache",
    # Proxies that know this header pass each event on at once.
    "X-Accel-Buffering": "no",
}


def sse_response(
    frames: Frames,
    client: Client,
    *,
    ping_interval_s: float,
    with_ids: bool,
    on_leave: Callable[[], None],
) -> Response:
    """`on_leave` is called once, where the reader goes before the end or the end is not the log's."""
    client.limit_sends()
    body = _body(frames, client, ping_interval_s=ping_interval_s, with_ids=with_ids, on_leave=on_leave)
    return Response(body, mimetype="text/event-stream", headers=_HEADERS)


def _body(
    frames: Frames,
    client: Client,
    *,
    ping_interval_s: float,
    with_ids: bool,
    on_leave: Callable[[], None],
) -> Generator[bytes]:
    ended = False
    wrote_at = time.monotonic()
    try:
        for item in frames:
            if item is not None:
                frame_id, frame = item
                ended = frame_id is not None and is_last(frame)
                wrote_at = time.monotonic()
                yield sse.encode(frame, frame_id if with_ids else None)
            elif client.is_gone():
                return
            elif time.monotonic() - wrote_at >= ping_interval_s:
                wrote_at = time.monotonic()
                yield sse.PING
    finally:
        frames.close()
        if not ended:
            on_leave()
