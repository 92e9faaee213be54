"""Whether the service can answer at an address, found out before anything is started."""

import errno
import socket

from deploy.failure import Failure

_PATIENCE_S = 1.0


def require_free(host: str, port: int) -> None:
    """Raise Failure, saying what to do, if nobody could listen at host and port."""
    if not 0 < port < 65_536:
        raise Failure(f"PENSIEVE_PORT={port} is no port; choose one from 1 to 65535.")
    family, _, _, _, address = _resolved(host, port)
    # Asked first: a Mac lets a second socket bind to one address of a port that is taken on all.
    if somebody_listens(host, port):
        raise Failure(_taken(host, port))
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise Failure(_why(error, host, port)) from error


def somebody_listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((reachable(host), port), timeout=_PATIENCE_S):
            return True
    except OSError:
        return False


def reachable(host: str) -> str:
    """An address of this machine under which a service that listens on `host` is reached from here."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def http_url(host: str, port: int) -> str:
    name = reachable(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, int, int, str, tuple[object, ...]]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise Failure(f"PENSIEVE_HOST={host} is no address of this machine ({error.strerror}).") from error


def _why(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return _taken(host, port)
        case errno.EACCES:
            return f"Port {port} is reserved for root; choose one above 1023: PENSIEVE_PORT=7777."
        case _:
            return f"Nothing can listen on {host}:{port} ({error.strerror}); set PENSIEVE_HOST and PENSIEVE_PORT."


def _taken(host: str, port: int) -> str:
    another = port + 1 if port < 65_535 else 7777
    return (
        f"Port {port} on {host} is taken by another program. Stop that program, or choose another port: "
        f"PENSIEVE_PORT={another} make up (or: pensieve start --port {another})."
    )
