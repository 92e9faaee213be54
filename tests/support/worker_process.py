"""Worker processes around fake engines, to be killed and frozen; slots of their own stand for machines of their own."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from tests.support.worker import MODEL, PATIENCE_S

CHILD = """
import sys
import workers.__main__ as worker
from tests.support import engines
from tests.support.worker import EOS, new_output
from workers.assembly import assemble

worker.build = lambda settings: assemble(settings, settings.model, engines.{engine}, new_output)
sys.exit(worker.main())
"""


class WorkerChild:
    """`engine` is an expression over tests.support.engines, with EOS. Leaving the `with` block kills it."""

    def __init__(
        self, redis_url: str, home: Path, slot: str = "gpu0", engine: str = "FakeEngine(EOS, 0.02)", **settings: object
    ) -> None:
        given = {"redis_url": redis_url, "home": home, "slot": slot, "model": MODEL, "drain_s": 10, **settings}
        self._environment = os.environ | {f"PENSIEVE_{name.upper()}": str(value) for name, value in given.items()}
        self._code = CHILD.format(engine=engine)
        self.process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_S)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", self._code], env=self._environment)


class KeptWorker(WorkerChild):
    """Started again whenever it ends, as a supervisor does."""

    def __init__(self, redis_url: str, home: Path, slot: str = "gpu0", engine: str = "", **settings: object) -> None:
        super().__init__(redis_url, home, slot, engine, **settings)
        self.ends = 0
        self._is_over = False
        self._thread = threading.Thread(target=self._keep)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self.process.kill()
        self._thread.join()

    def _keep(self) -> None:
        while True:
            self.process.wait()
            if self._is_over:
                return
            self.ends += 1
            self.process = self._start()
            if self._is_over:
                self.process.kill()
