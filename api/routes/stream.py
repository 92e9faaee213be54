"""WebSocket /v1/stream: create, resume and cancel, several requests over one socket."""

from flask import Blueprint, request
from flask_sock import Sock

from api import websocket
from api.body import api_version
from api.services import current_services
from api.socket_session import Connection, SocketSession

SOCKET_OPTIONS = websocket.SERVER_OPTIONS

stream = Blueprint("stream", __name__)
_sock = Sock()


@stream.before_request
def prepare() -> None:
    # While a refusal is still a plain HTTP answer.
    api_version()
    websocket.prepare(request.environ)


@_sock.route("/v1/stream", bp=stream)  # type: ignore[untyped-decorator]
def serve(connection: Connection) -> None:
    SocketSession(current_services(), connection, api_version()).run()
