"""Long computing under gevent: what it raises is raised where it was asked for, and printed nowhere."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.off_loop import LARGE_AT_ONCE, LARGE_BYTES, Lanes
from queue_config.errors import Overloaded

CODE = """
from gevent import monkey
monkey.patch_all()
import threading
from api.off_loop import off_loop

def fail():
    raise ValueError("no")

print(off_loop(lambda: threading.current_thread() is threading.main_thread()))
try:
    off_loop(fail)
except ValueError as error:
    print(error)
"""


def test_results_and_errors_come_back_and_nothing_is_printed() -> None:
    said = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)

    assert (said.stdout, said.stderr) == ("False\nno\n", "")


def test_large_work_leaves_threads_to_what_is_soon_done() -> None:
    lanes, end = Lanes(patience_s=0.05), threading.Event()
    all_begun = threading.Barrier(LARGE_AT_ONCE + 1)

    def large() -> str:
        all_begun.wait()
        end.wait()
        return "large"

    with ThreadPoolExecutor(LARGE_AT_ONCE) as clients:
        running = [clients.submit(lanes.run, large, LARGE_BYTES + 1) for _ in range(LARGE_AT_ONCE)]
        all_begun.wait()
        with pytest.raises(Overloaded):
            lanes.run(large, LARGE_BYTES + 1)
        small = lanes.run(lambda: "small", LARGE_BYTES)
        end.set()

    assert small == "small"
    assert [client.result() for client in running] == ["large"] * LARGE_AT_ONCE
    assert lanes.run(lambda: "again", LARGE_BYTES + 1) == "again"
