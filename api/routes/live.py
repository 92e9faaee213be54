"""GET /v1/live/events: the queue and the batch as they are, a few times a second."""

from collections.abc import Generator
from contextlib import closing
from functools import lru_cache

from flask import Blueprint, Response, request

from api.caller import caller
from api.client import Client
from api.live_feed import LiveFeed
from api.live_picture import LivePicture
from api.services import current_services
from api.sse_response import Written, event_response
from api.wire import live as wire
from api.wire import sse

live = Blueprint("live", __name__)


@live.get("/v1/live/events")
def watch() -> Response:
    services = current_services()
    who = caller()
    tenant = None if "admin" in who.scopes else who.tenant
    return event_response(
        _events(services.live, tenant),
        Client(request.environ),
        keep_alive=sse.PING,
        ping_interval_s=services.settings.ping_interval_s,
        on_leave=lambda: None,
    )


def _events(feed: LiveFeed, tenant: str | None) -> Generator[Written | None]:
    with closing(feed.watch()) as pictures:
        yield Written(sse.encode(wire.history(feed.history())), is_end=False)
        for picture in pictures:
            # The place where a watcher who has left is noticed.
            yield None
            if picture is not None:
                yield Written(_encoded(picture, tenant), is_end=False)


@lru_cache(maxsize=8)
def _encoded(picture: LivePicture, tenant: str | None) -> bytes:
    """Once for all who may see the same."""
    return sse.encode(wire.picture(picture, tenant))
