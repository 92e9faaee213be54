"""Engines that misbehave in one way each."""

import os
import time
from collections.abc import Callable, Collection

from workers.engine import Sampled
from workers.fake_engine import FakeEngine
from workers.sequence import Sequence


class FailingEngine(FakeEngine):
    """Echoes, but raises while it prefills one given prompt, and reports an error in decoding another."""

    def __init__(self, eos_id: int, *, prefill: str, decode: str, step_s: float = 0.0) -> None:
        super().__init__(eos_id, step_s)
        self._prefill_fails = tuple(map(ord, prefill))
        self._decode_fails = tuple(map(ord, decode))
        self._prompts: dict[str, tuple[int, ...]] = {}

    def add(self, sequence: Sequence) -> int:
        self._prompts[sequence.id] = sequence.prompt
        return super().add(sequence)

    def prefill(self, sequence_id: str, max_tokens: int) -> int:
        if self._prompts[sequence_id] == self._prefill_fails:
            raise FloatingPointError("a poison prompt")
        return super().prefill(sequence_id, max_tokens)

    def decode(self) -> list[Sampled]:
        return [
            Sampled(s.sequence_id, 0, "NaN") if self._prompts[s.sequence_id] == self._decode_fails else s
            for s in super().decode()
        ]


class RaisingEngine(FakeEngine):
    """Echoes, but a step raises where `raises` says so of the ids in the batch; all tokens of that step are lost."""

    def __init__(self, eos_id: int, raises: Callable[[Collection[str]], bool]) -> None:
        super().__init__(eos_id)
        self._raises = raises
        self.steps = 0
        """That were asked for, whether they raised or not."""

    def decode(self) -> list[Sampled]:
        self.steps += 1
        step = super().decode()
        if self._raises([sampled.sequence_id for sampled in step]):
            raise RuntimeError("the device says no")
        return step


class DeadlyEngine(FakeEngine):
    """Echoes, but ends its whole process, or hangs for ever, in a step with a prompt that says so."""

    def __init__(self, eos_id: int, step_s: float) -> None:
        super().__init__(eos_id, step_s)
        self._prompts: dict[str, str] = {}

    def add(self, sequence: Sequence) -> int:
        self._prompts[sequence.id] = "".join(map(chr, sequence.prompt))
        return super().add(sequence)

    def remove(self, sequence_id: str, *, keep: bool = True) -> None:
        self._prompts.pop(sequence_id, None)
        super().remove(sequence_id, keep=keep)

    def decode(self) -> list[Sampled]:
        step = super().decode()
        prompts = [self._prompts[sampled.sequence_id] for sampled in step]
        if "poison" in prompts:
            os._exit(1)
        while "hang" in prompts:
            time.sleep(1)
        return step


class GreedyEngine(FakeEngine):
    """Echoes, and spends each step's time in Python, so that the interpreter is never free while it runs."""

    def decode(self) -> list[Sampled]:
        until = time.monotonic() + self._step_s
        while time.monotonic() < until:
            pass
        self._step_s, step_s = 0.0, self._step_s
        step = super().decode()
        self._step_s = step_s
        return step


def keep_python(seconds: float) -> None:
    """As calls into a device's library do: its lock stays with this thread but for moments."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        sum(range(800))


class LockingEngine(FakeEngine):
    """Keeps Python's lock all through a step, as the launch of a GPU's does; notes how many rows each step had."""

    def __init__(self, eos_id: int, step_s: float) -> None:
        super().__init__(eos_id)
        self._launch_s = step_s
        self.rows: list[int] = []

    def decode(self) -> list[Sampled]:
        keep_python(self._launch_s)
        sampled = super().decode()
        self.rows.append(len(sampled))
        return sampled
