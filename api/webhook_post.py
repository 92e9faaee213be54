"""Posting a webhook: signed by the Standard Webhooks scheme, to a checked address, and never for long."""

import socket
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from http.client import HTTPException

import urllib3
from standardwebhooks import Webhook
from urllib3.connection import HTTPConnection, HTTPSConnection

from api.webhook_target import Target, Unreachable
from queue_config.errors import BadSetting

TIMEOUT_S = 5.0
TOTAL_S = 10.0


class Signer:
    def __init__(self, secret: str) -> None:
        """Raises BadSetting where `secret` is none of the scheme's: `whsec_` and the base64 of 24 to 64 bytes."""
        try:
            self._webhook = Webhook(secret)
        except Exception as error:
            raise BadSetting("PENSIEVE_WEBHOOK_SECRET should be `whsec_` and base64") from error

    def headers(self, message_id: str, now: float, body: bytes) -> Mapping[str, str]:
        """What tells the receiver that it is ours, and which it is; `now` is Unix seconds."""
        at = datetime.fromtimestamp(int(now), UTC)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": self._webhook.sign(message_id, at, body.decode()),
        }


def post(target: Target, body: bytes, headers: Mapping[str, str]) -> int:
    """The status of the answer, whose body nobody reads. Redirects are not followed. Raises Unreachable."""
    named = {
        **headers,
        "Host": _host_header(target),
        "Content-Type": "application/json",
        "User-Agent": "Pensieve",
    }
    with closing(_connection(target)) as connection:
        try:
            connection.connect()
            # Time-outs count from byte to byte; this one counts for all, lest a drip holds us for ever.
            guard = threading.Timer(TOTAL_S, _cut, [connection.sock])
            guard.daemon = True
            guard.start()
            try:
                connection.request("POST", target.path, body=body, headers=named)
                return connection.getresponse().status
            finally:
                guard.cancel()
        except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error


def _connection(target: Target) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(target.address, target.port, timeout=TIMEOUT_S)
    # The certificate must be the name's, though the connection goes to the address.
    return HTTPSConnection(
        target.address,
        target.port,
        timeout=TIMEOUT_S,
        cert_reqs="CERT_REQUIRED",
        assert_hostname=target.host,
        server_hostname=target.host,
    )


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    is_default = target.port == (443 if target.scheme == "https" else 80)
    return host if is_default else f"{host}:{target.port}"
