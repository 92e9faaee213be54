"""A worker whose engine is broken ends, so that it is started again; what it had taken is not lost."""

import os
import subprocess
import sys
from pathlib import Path

import redis as redis_py

from queue_config.events import Finished
from tests.support.worker import PATIENCE_S, Desk, RunningWorker, a_request

CHILD = """
import sys
import workers.__main__ as worker
from tests.support.engines import RaisingEngine
from tests.support.worker import EOS, MODEL, new_output
from workers.assembly import assemble

worker.build = lambda settings: assemble(settings, MODEL, RaisingEngine(EOS, lambda rows: True), new_output)
sys.exit(worker.main())
"""


def test_a_worker_whose_every_step_raises_exits_and_the_next_one_goes_on(
    redis_url: str, redis: redis_py.Redis, tmp_path: Path
) -> None:
    desk = Desk(redis_url)
    names = ["msg_1", "msg_2", "msg_3"]
    for name in names:
        desk.queue.accept(a_request(name, "hello"))
    environment = os.environ | {"PENSIEVE_REDIS_URL": redis_url, "PENSIEVE_HOME": str(tmp_path)}

    broken = subprocess.run([sys.executable, "-c", CHILD], env=environment, timeout=PATIENCE_S, check=False)
    with RunningWorker(redis_url, tmp_path):
        ends = [desk.end(name) for name in names]
    desk.redis.close()

    assert broken.returncode == 70
    # All three, unless the first was alone in the engine for two steps: then it counts as the culprit.
    assert ends.count(Finished("end_turn", 6)) >= 2
