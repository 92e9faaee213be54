"""Full garbage collections of the two long-running processes find next to nothing to walk through."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.worker import PATIENCE_S

API = """
import gevent.monkey
gevent.monkey.patch_all()  # as gunicorn's workers do
import gc
from api.app import from_environment
app = from_environment()
print(gc.get_freeze_count(), len(gc.get_objects()))
"""
WORKER = """
import gc
import workers.__main__ as worker

class Process:
    def run(self):
        print(gc.get_freeze_count(), len(gc.get_objects()))

worker.build = lambda settings: Process()
worker.main()
"""


def test_what_the_api_begins_with_is_passed_over(redis_url: str, tmp_path: Path) -> None:
    kept, walked = _counts(API, redis_url, tmp_path)

    assert kept > 20_000
    assert walked < kept / 20


def test_what_a_worker_begins_with_is_passed_over(redis_url: str, tmp_path: Path) -> None:
    kept, walked = _counts(WORKER, redis_url, tmp_path)

    assert kept > 20_000
    assert walked < kept / 20


def _counts(code: str, redis_url: str, home: Path) -> tuple[int, int]:
    environment = os.environ | {"PENSIEVE_REDIS_URL": redis_url, "PENSIEVE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    kept, walked = done.stdout.split()[-2:]
    return int(kept), int(walked)
