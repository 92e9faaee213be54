"""Reading a request's body: in time, and not more at a time than there is memory for."""

from typing import cast

import gevent.monkey
import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api import body
from api.body_room import BodyRoom
from queue_config.errors import Overloaded
from tests.support import api_fakes


class Dripping:
    """A connection on which nothing more comes."""

    def read(self, _size: int = -1) -> bytes:
        gevent.sleep(10)
        return b""


def test_a_body_that_stops_coming_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "PIECE_S", 0.05)
    monkeypatch.setattr(gevent.monkey, "is_module_patched", lambda _name: True)
    environ = EnvironBuilder("/v1/messages/count_tokens", method="POST", content_type="application/json").get_environ()
    with api_fakes.application() as app:
        _, status, headers = run_wsgi_app(app, environ | {"CONTENT_LENGTH": "100", "wsgi.input": Dripping()})

    assert (status, headers["x-should-retry"]) == ("408 REQUEST TIMEOUT", "false")


def test_no_more_is_read_at_a_time_than_there_is_room_for() -> None:
    room = BodyRoom(100)
    room.take(60)
    with pytest.raises(Overloaded):
        room.take(41)
    room.give_back(60)

    room.take(100)


def test_what_was_read_is_forgotten_with_the_request() -> None:
    with api_fakes.application() as app:
        room = cast(BodyRoom, app.extensions["services"].bodies)
        before = room._left_bytes
        for _ in range(3):
            app.test_client().post("/v1/messages/count_tokens", json=api_fakes.messages_body())
            app.test_client().post("/v1/messages", data=b"{", content_type="application/json")

        assert room._left_bytes == before
