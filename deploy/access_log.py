"""gunicorn's own log and its access log, written as the rest of the API's log is; no client can forge a line."""

from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from queue_config.logs import Format, formatter


class AccessLog(Logger):  # type: ignore[misc]
    """One line a request, without its query string."""

    form: Format = "json"

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(formatter("api", self.form))

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:  # noqa: ARG002
        if not self.access_log_enabled:
            return
        headers = {name.lower(): value for name, value in resp.headers}
        fields = {
            **({"request_id": headers["request-id"]} if "request-id" in headers else {}),
            "client": environ.get("REMOTE_ADDR", "-"),
            "method": environ["REQUEST_METHOD"],
            # As it came, percent-encoded: decoded, it may hold line ends.
            "path": environ["RAW_URI"].partition("?")[0].encode("ascii", "backslashreplace").decode(),
            "status": int(str(resp.status).split(maxsplit=1)[0]),
            "sent_bytes": resp.sent,
            "duration_ms": round(request_time.total_seconds() * 1000),
        }
        self.access_log.info("request", extra=fields)


def access_log(form: Format) -> type[AccessLog]:
    """gunicorn makes it from a class."""
    return type("AccessLog", (AccessLog,), {"form": form})
