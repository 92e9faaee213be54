"""HEAD / and HEAD /api/hello: what clients send first, to see whether anybody is there."""

from flask import Blueprint, Response

greetings = Blueprint("greetings", __name__)


@greetings.get("/")
@greetings.get("/api/hello")
def hello() -> Response:
    """Nothing to read; the SDKs and Claude Code only look at the status."""
    return Response(status=204)
