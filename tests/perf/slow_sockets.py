"""Slow and silent clients against the API as it is deployed: what do others notice, and when are they cut off?

`python -m tests.perf.slow_sockets [COUNT [KIND ...]]` opens COUNT connections of four kinds in turn (silent; a head in
drips; a body in drips; a WebSocket that only connects) beside streams that run, and prints for each kind the answer
times of GET /health, the times between a stream's words, and after how many seconds the server closed them.
"""

import select
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import messages_body
from tests.support.api_raw_client import connected, send_post
from tests.support.api_server import ApiServer
from tests.support.hostile_handshakes import KEY, handshake
from tests.support.redis_server import RedisServer

WATCHED_S = 24.0
STREAMS = 8
POST = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nx-api-key: the key\r\nContent-Type: application/json\r\n"
KINDS: dict[str, tuple[bytes, bytes]] = {
    "silent": (b"", b""),
    "head in drips": (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a"),
    "body in drips": (POST + b"Content-Length: 100000\r\n\r\n{", b" "),
    "WebSocket": (handshake(), b""),
}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 250
    kinds = sys.argv[2:] or KINDS
    with (
        RedisServer() as redis,
        tempfile.TemporaryDirectory() as folder,
        FakeWorker(redis.url),
        ApiServer(redis.url, Path(folder) / "log", api_key=KEY, home=folder) as server,
    ):
        say(f"nobody: {measured(server, [], b'', 6.0)}")
        for kind in kinds:
            say(f"{count} x {kind}: {with_clients(server, count, *KINDS[kind])}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def with_clients(server: ApiServer, count: int, opening: bytes, drip: bytes) -> str:
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(count)]
    try:
        for client in clients:
            client.sendall(opening)
        return measured(server, clients, drip, WATCHED_S)
    finally:
        for client in clients:
            client.close()


def measured(server: ApiServer, clients: list[socket.socket], drip: bytes, watched_s: float) -> str:
    gaps_ms: list[float] = []
    readers = [threading.Thread(target=read_stream, args=(server, gaps_ms, watched_s)) for _ in range(STREAMS)]
    for reader in readers:
        reader.start()
    began_at = time.monotonic()
    health_ms, closed_s = [], []
    left = list(clients)
    while time.monotonic() - began_at < watched_s:
        health_ms.append(timed_ms(lambda: urlopen(f"{server.url}/health", timeout=20).read()))
        gone = [client for client in left if is_closed(client)]
        closed_s += [time.monotonic() - began_at] * len(gone)
        left = [client for client in left if client not in gone]
        for client in left[:: max(1, len(left) // 50)] if drip else []:
            try:
                client.sendall(drip)
            except OSError:
                continue
        time.sleep(0.05)
    for reader in readers:
        reader.join()
    ended = f"{len(closed_s)} closed after {min(closed_s):.0f} to {max(closed_s):.0f} s" if closed_s else "none closed"
    return f"health {spread(health_ms)}; between words {spread(gaps_ms)}; {ended}"


def read_stream(server: ApiServer, gaps_ms: list[float], watched_s: float) -> None:
    """The fake worker says a word every 50 ms."""
    with connected(server) as sock:
        body = messages_body(f"trickle {round(watched_s / 0.06)}", stream=True, max_tokens=1_900)
        send_post(sock, "/v1/messages", body, x_api_key=KEY)
        heard_at, rest = time.monotonic(), b""
        while b"message_stop" not in rest:
            rest = rest[-20:] + sock.recv(65_536)
            if b"text_delta" in rest:
                gaps_ms.append((time.monotonic() - heard_at) * 1000)
            heard_at = time.monotonic()


def is_closed(client: socket.socket) -> bool:
    if not select.select([client], [], [], 0)[0]:
        return False
    try:
        return client.recv(65_536) == b""
    except OSError:
        return True


def timed_ms(work: Callable[[], object]) -> float:
    began_at = time.monotonic()
    work()
    return (time.monotonic() - began_at) * 1000


def spread(values_ms: list[float]) -> str:
    cuts = statistics.quantiles(values_ms, n=100)
    return f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms"


if __name__ == "__main__":
    main()
