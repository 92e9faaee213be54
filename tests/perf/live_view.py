"""Measure what the page's live view costs the API: processor time and pictures a second, by how many watch.

    python -m tests.perf.live_view [--seconds 20]

32 sequences run, and change with every report of their worker, four a second. With nobody watching, the API has its
upkeep to do.
"""

import argparse
import http.client
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from tests.support.api_server import ApiServer
from tests.support.live_report import EVERY_S, Reporter, row
from tests.support.redis_server import RedisServer

WATCHERS = (0, 1, 4, 16)
SEQUENCES = 32
SETTLE_S = 2.0


class Watcher:
    """Reads the live events as fast as they come."""

    def __init__(self, port: int) -> None:
        self.pictures = self.read_bytes = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._connection.sock:
            self._connection.sock.shutdown(2)
        self._thread.join()

    def _read(self) -> None:
        self._connection.request("GET", "/v1/live/events")
        answer = self._connection.getresponse()
        try:
            while line := answer.readline():
                self.pictures += line == b"event: picture\n"
                self.read_bytes += len(line)
        except OSError:
            return


@contextmanager
def busy(reporter: Reporter) -> Iterator[None]:
    """Every sequence writes on."""
    over = threading.Event()

    def work() -> None:
        written = 0
        while not over.wait(EVERY_S):
            written += 10
            reporter.say(*[row(number, output_tokens=written + number) for number in range(SEQUENCES)])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def used_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def gunicorn() -> list[psutil.Process]:
    """Its processes."""
    return [child for child in psutil.Process().children(recursive=True) if "gunicorn" in child.cmdline()]


def measured(server: ApiServer, watching: int, seconds: float) -> tuple[float, float, float]:
    """Pictures a second and bytes a second of each watcher, and percent of one core."""
    watchers = [Watcher(server.port) for _ in range(watching)]
    time.sleep(SETTLE_S)
    began_s, began = used_s(gunicorn()), [(w.pictures, w.read_bytes) for w in watchers]
    time.sleep(seconds)
    percent = 100 * (used_s(gunicorn()) - began_s) / seconds
    each = seconds * max(1, watching)
    pictures = sum(w.pictures - seen for w, (seen, _) in zip(watchers, began, strict=True)) / each
    read = sum(w.read_bytes - seen for w, (_, seen) in zip(watchers, began, strict=True)) / each
    for watcher in watchers:
        watcher.close()
    return pictures, read, percent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    seconds = parser.parse_args().seconds
    table = Table(title=f"{SEQUENCES} sequences, {seconds:.0f} s each")
    for heading in ("watching", "pictures a second, each", "bytes a second, each", "% of one core"):
        table.add_column(heading, justify="right")
    with (
        tempfile.TemporaryDirectory() as home,
        RedisServer() as redis,
        Reporter(redis.url) as reporter,
        busy(reporter),
        ApiServer(redis.url, Path(home) / "api.log", home=home) as server,
    ):
        for watching in WATCHERS:
            pictures, read, percent = measured(server, watching, seconds)
            table.add_row(str(watching), f"{pictures:.1f}", f"{read:,.0f}", f"{percent:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
