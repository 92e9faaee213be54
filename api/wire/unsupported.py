"""Fields that we can't honour: ignoring them would answer another question, so they are a clear 400.

Everything else that is unknown is ignored: clients add harmless fields with every release.
"""

from typing import Any

from queue_config.errors import InvalidRequest


class ThreadUnsupported(InvalidRequest):
    """The SDK's tool runner looks for this code, and then sends the whole conversation itself."""

    details = {"error_code": "thread_unsupported_request"}  # noqa: RUF012


def refuse(body: dict[str, Any]) -> None:
    """Raise InvalidRequest for the first field whose meaning would be lost."""
    if body.get("thread") is not None:
        raise ThreadUnsupported("thread: message threads are not supported; send the whole conversation")
    for name, why in _REFUSED.items():
        if body.get(name):
            raise InvalidRequest(f"{name}: {why}")


_REFUSED = {
    "mcp_servers": "MCP servers are not supported",
    "container": "containers are not supported",
    "compaction": "compaction is not supported",
}
