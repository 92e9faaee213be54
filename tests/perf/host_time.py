"""Measure what the worker adds to a device's step: reading tokens, writing events, and waiting for Python's lock.

    python -m tests.perf.host_time [--rows 8,32,64] [--launch-ms 4] [--device-ms 8] [--switch-ms 0.5]

The engine is a stand-in for a GPU's: a step is launched in so many milliseconds of Python, and done so many after the
one before it is. All else is the real worker, with a Redis of its own and SmolLM2's tokenizer. What a step takes in the
worker is compared with what it takes in a loop that only asks for the next one.
"""

import argparse
import tempfile
import threading
import time
from math import nan
from pathlib import Path
from statistics import mean

from rich.console import Console
from rich.table import Table

from models.families import family_for
from models.tokenizer import Tokenizer
from queue_config.settings import CHECKOUT, Settings
from tests.support.engines import keep_python
from tests.support.redis_server import RedisServer
from tests.support.worker import MODEL, Desk, a_request
from workers import process as worker_process
from workers.answers import Answers
from workers.assembly import assemble
from workers.engine import Sampled
from workers.fake_engine import FakeEngine
from workers.sequence import Sequence

FOLDER = CHECKOUT / "models" / "smollm2-135m-instruct"
TOKENS = 200


class DeviceLike(FakeEngine):
    """Gives each row the same few tokens over and over."""

    def __init__(self, launch_s: float, device_s: float) -> None:
        super().__init__(eos_id=-1)
        self._launch_s, self._device_s = launch_s, device_s
        self._done_at = 0.0
        self._steps = 0
        self.taken: dict[int, list[float]] = {}
        """Seconds between two steps, by rows."""
        self._last_at = 0.0

    def decode(self) -> list[Sampled]:
        keep_python(self._launch_s)
        before, self._done_at = self._done_at, max(self._done_at, time.perf_counter()) + self._device_s
        time.sleep(max(0.0, before - time.perf_counter()))
        names = [name for name, row in self._rows.items() if row.left == 0]
        now = time.perf_counter()
        self.taken.setdefault(len(names), []).append(now - self._last_at)
        self._last_at = now
        self._steps += 1
        return [Sampled(name, 500 + (self._steps * 7 + place) % 3000) for place, name in enumerate(names)]


def alone_ms(engine: DeviceLike, rows: int) -> float:
    for row in range(rows):
        engine.add(_sequence(row))
        engine.prefill(f"{row}", 512)
    for _ in range(60):
        engine.decode()
    for row in range(rows):
        engine.remove(f"{row}")
    return 1000 * mean(engine.taken.pop(rows)[10:])


def _sequence(row: int) -> Sequence:
    request = a_request(f"{row}", "hello")
    return Sequence(request.id, request.prompt, request.sampling)


def in_worker(url: str, engine: DeviceLike, answers: Answers, rows: int) -> tuple[float, float]:
    """Milliseconds of a step with all rows, and seconds from the worker's start to the last end."""
    desk = Desk(url)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(redis_url=url, home=Path(home), model=MODEL, max_batch=rows, drain_s=0.0)
        process = assemble(settings, MODEL, engine, answers.output_for)
        serving = threading.Thread(target=process.serve)
        requests = [a_request(f"{rows}-{row}-{time.time_ns()}", max_tokens=TOKENS) for row in range(rows)]
        # Beforehand, since in a service that is another process's work.
        for request in requests:
            desk.queue.accept(request)
        began_at = time.perf_counter()
        serving.start()
        for request in requests:
            desk.end(request.id)
        took_s = time.perf_counter() - began_at
        process.drain()
        serving.join()
        process.worker.connection.close()
    return 1000 * mean(engine.taken.get(rows, [])[10:] or [nan]), took_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="8,32,64")
    parser.add_argument("--launch-ms", type=float, default=4)
    parser.add_argument("--device-ms", type=float, default=8)
    parser.add_argument("--switch-ms", type=float, default=1000 * worker_process.SWITCH_S)
    options = parser.parse_args()
    worker_process.SWITCH_S = options.switch_ms / 1000
    launch_s, device_s = options.launch_ms / 1000, options.device_ms / 1000
    answers = Answers(Tokenizer.load(FOLDER), family_for(FOLDER).syntax, None)
    table = Table(title=f"launched in {options.launch_ms} ms, computed in {options.device_ms}")
    for heading in ("rows", "a step alone, ms", "in the worker, ms", f"all {TOKENS} tokens, s", "steps alone, s"):
        table.add_column(heading, justify="right")
    with RedisServer() as redis:
        for rows in map(int, options.rows.split(",")):
            alone = alone_ms(DeviceLike(launch_s, device_s), rows)
            among, took_s = in_worker(redis.service_url, DeviceLike(launch_s, device_s), answers, rows)
            table.add_row(str(rows), f"{alone:.2f}", f"{among:.2f}", f"{took_s:.2f}", f"{TOKENS * alone / 1000:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
