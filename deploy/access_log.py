"""The access log: one line a request, without query strings, and no client can forge a line."""

from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]


class AccessLog(Logger):  # type: ignore[misc]
    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """As gunicorn's, but the path stays percent-encoded: decoded, it may hold line ends."""
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        path = environ["RAW_URI"].partition("?")[0]
        return atoms | {"U": path.encode("ascii", "backslashreplace").decode()}
