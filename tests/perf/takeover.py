"""Measure how soon an idle worker takes over from one that freezes, and what becomes of the late words of that one.

    python -m tests.perf.takeover [--frozen-s 20] [--times 3] [--streams 8]

Two worker processes with a fake engine over a private Redis. The first one's requests run, then it is stopped
(SIGSTOP); when it goes on again (SIGCONT), its writes must be refused.
"""

import argparse
import signal
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from queue_config import keys
from queue_config.events import Started
from queue_config.lease import Leases
from tests.support.redis_server import RedisServer
from tests.support.worker import Desk, a_request, wait_until
from tests.support.worker_process import WorkerChild

TEXT = "".join(chr(65 + i % 26) for i in range(1_500))


def attempts(desk: Desk, job_id: str) -> list[str]:
    return [event.worker for event in desk.events(job_id) if isinstance(event, Started) and event.worker]


def freeze(desk: Desk, url: str, home: Path, streams: int, frozen_s: float) -> tuple[float, float, int, bool]:
    """Seconds to the last request's new attempt, and to its first new token; refused writes; whether all are exact."""
    desk.redis.flushall()
    leases = Leases(desk.redis)
    names = [f"msg_{number}" for number in range(streams)]
    with WorkerChild(url, home / "a", engine="FakeEngine(EOS, 0.02)") as first:
        wait_until(lambda: len(leases.live()) == 1, "a worker")
        for name in names:
            desk.queue.accept(a_request(name, TEXT))
        wait_until(lambda: all(len(desk.text(name)) > 20 for name in names), "tokens")
        with WorkerChild(url, home / "b", engine="FakeEngine(EOS, 0.02)"):
            wait_until(lambda: len(leases.live()) == 2, "an idle worker")
            first.signal(signal.SIGSTOP)
            frozen_at = time.monotonic()
            had = {name: len(desk.text(name)) for name in names}
            wait_until(lambda: all(len(attempts(desk, name)) == 2 for name in names), "the takeover")
            taken_s = time.monotonic() - frozen_at
            wait_until(lambda: all(len(desk.text(name)) > had[name] + 5 for name in names), "new tokens")
            spoken_s = time.monotonic() - frozen_at
            time.sleep(max(0.0, frozen_s - spoken_s))
            first.signal(signal.SIGCONT)
            wait_until(lambda: len(leases.live()) == 2, "the frozen one's return")
            give_up_at = time.monotonic() + 120
            while not all(len(desk.text(name)) == len(TEXT) for name in names):
                assert time.monotonic() < give_up_at, "not all ended"
                time.sleep(0.1)
    refused = int(desk.redis.get(keys.REFUSED) or 0)
    return taken_s, spoken_s, refused, all(desk.text(name) == TEXT for name in names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frozen-s", type=float, default=20.0)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--streams", type=int, default=8)
    options = parser.parse_args()
    table = Table(title=f"a worker frozen for {options.frozen_s:g} s with {options.streams} running requests")
    for heading in ("taken over after s", "new tokens after s", "writes refused", "all exact"):
        table.add_column(heading, justify="right")
    with RedisServer() as server, tempfile.TemporaryDirectory() as folder:
        desk = Desk(server.url)
        for number in range(options.times):
            taken_s, spoken_s, refused, exact = freeze(
                desk, server.url, Path(folder) / str(number), options.streams, options.frozen_s
            )
            table.add_row(f"{taken_s:.1f}", f"{spoken_s:.1f}", str(refused), "yes" if exact else "NO")
        desk.redis.close()
    Console().print(table)


if __name__ == "__main__":
    main()
