"""Long computing under gevent: what it raises is raised where it was asked for, and printed nowhere."""

import subprocess
import sys

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
