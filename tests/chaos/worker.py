"""`python -m tests.chaos.worker SLOT`: a real worker whose engine dies or hangs over prompts that say so.

A fake engine gets a step long enough for an answer to take seconds; everything else is as in `python -m workers`.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from models.resolve import ModelSpec
from models.tokenizer import Tokenizer
from queue_config.settings import PREFIX, Settings
from workers import __main__ as worker
from workers import build
from workers.engine import Engine, Sampled
from workers.sequence import Sequence

DIES = "this prompt kills its worker"
HANGS = "this prompt hangs its worker once"
STEP_S = 0.05
make_engine = build.make_engine


class Touchy:
    """An engine, but for prompts with DIES, over which the process ends, and HANGS, over which it stops once."""

    def __init__(self, engine: Engine, tokenizer: Tokenizer, hung: Path) -> None:
        self._engine = engine
        self._tokenizer = tokenizer
        self._hung = hung
        self._touchy: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def add(self, sequence: Sequence) -> int:
        text = self._tokenizer.decode(sequence.prompt)
        self._touchy |= {sequence.id: mark for mark in (DIES, HANGS) if mark in text}  # noqa: B035 - none or one
        return self._engine.add(sequence)

    def remove(self, sequence_id: str, *, keep: bool = True) -> None:
        self._touchy.pop(sequence_id, None)
        self._engine.remove(sequence_id, keep=keep)

    def decode(self) -> list[Sampled]:
        sampled = self._engine.decode()
        marks = {self._touchy.get(row.sequence_id) for row in sampled}
        if DIES in marks:
            os._exit(1)
        if HANGS in marks and not self._hung.exists():
            self._hung.touch()
            while True:
                time.sleep(1)
        return sampled


def touchy_engine(settings: Settings, spec: ModelSpec, tokenizer: Tokenizer) -> Engine:
    build.FAKE_STEP_S = STEP_S
    engine: Any = Touchy(make_engine(settings, spec, tokenizer), tokenizer, settings.home / "hung")
    return engine  # type: ignore[no-any-return]


if __name__ == "__main__":
    os.environ[f"{PREFIX}SLOT"] = sys.argv[1]
    build.make_engine = touchy_engine
    sys.exit(worker.main())
