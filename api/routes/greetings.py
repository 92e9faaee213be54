"""HEAD /api/hello: what clients send first, to see whether anybody is there. (Others ask for the page.)"""

from flask import Blueprint, Response

greetings = Blueprint("greetings", __name__)


@greetings.get("/api/hello")
def hello() -> Response:
    """Nothing to read; the SDKs and Claude Code only look at the status."""
    return Response(status=204)
