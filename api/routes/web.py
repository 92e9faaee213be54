"""GET /: the built-in page. GET /web/VERSION/NAME: what it is made of."""

from functools import cache

from flask import Blueprint, Response, request

from api.web_files import PAGE, WebFile, WebFiles
from queue_config.errors import NotFound

web = Blueprint("web", __name__)

_ALLOWED = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
POLICY = "; ".join(f"{what} {source}" for what, source in _ALLOWED.items())
"""Nothing from elsewhere, nothing inline: what a model writes can neither run nor call home."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
# Read with the first visit: most processes of a fleet, and most tests, never show the page.
_files = cache(WebFiles.read)


@web.get("/")
def page() -> Response:
    # It names the version of all else, so it is asked for anew each time.
    return _answer(_files().files[PAGE], "no-cache")


@web.get("/web/<version>/<path:name>")
def asset(version: str, name: str) -> Response:
    files = _files()
    if name not in files.files:
        raise NotFound("Not found")
    # A page from before an upgrade gets today's file, but may not keep it.
    is_current = version == files.version
    return _answer(files.files[name], "public, max-age=31536000, immutable" if is_current else "no-cache")


def _answer(file: WebFile, caching: str) -> Response:
    compress = request.accept_encodings["gzip"] > 0
    response = Response(file.compressed if compress else file.body, mimetype=file.mimetype, headers=_HEADERS)
    response.headers["Cache-Control"] = caching
    if compress:
        response.headers["Content-Encoding"] = "gzip"
    # One content, two encodings: weak, as such tags are.
    response.set_etag(file.etag, weak=True)
    response.make_conditional(request)
    return response
