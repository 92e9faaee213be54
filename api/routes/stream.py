"""WebSocket /v1/stream: create, resume and cancel, several requests over one socket."""

from flask import Blueprint, request
from flask_sock import Sock

from api import websocket
from api.body import api_version
from api.caller import caller
from api.services import current_services
from api.socket_session import Connection, SocketSession

SOCKET_OPTIONS = websocket.SERVER_OPTIONS

stream = Blueprint("stream", __name__)
_sock = Sock()


@stream.before_request
def prepare() -> None:
    # While a refusal is still a plain HTTP answer.
    api_version()
    # An idle socket counts as an answer, too: it holds a connection all the same.
    current_services().open_answers.check(caller())
    websocket.prepare(request.environ)


@_sock.route("/v1/stream", bp=stream)  # type: ignore[untyped-decorator]
def serve(connection: Connection) -> None:
    services = current_services()
    services.open_answers.enter(caller())
    try:
        with websocket.held_back(connection):
            SocketSession(services, connection, api_version(), caller()).run()
    finally:
        services.open_answers.leave(caller())
