"""The scenarios: what is measured of each target, and in which order, so that neighbours in time are compared."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from models.tokenizer import Tokenizer
from tests.perf.bench import report as names
from tests.perf.bench.asks import ALIKE, KINDS, UNEVEN, Asks, long_text
from tests.perf.bench.in_process import BareLoop, BareTarget, EngineTarget
from tests.perf.bench.over_http import HttpTarget, first_s, rate
from tests.perf.bench.report import Cell, Report
from tests.perf.bench.streams import Stream, Together, Unfinished, p50, p99
from tests.perf.engine_step import burst_s
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.free_memory import give_back
from workers.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Plan:
    streams: tuple[int, ...]
    repeats: int
    long_repeats: int
    """Of what needs the long prompt."""
    max_tokens: int
    limit_s: float
    long_tokens: int
    gap_streams: int
    calm_s: float
    warm_hits: int
    step_bursts: int
    step_tokens: int
    budget_s: float
    """For all of it: what has not begun by then is left out."""


@dataclass(slots=True)
class Run:
    report: Report
    plan: Plan
    engine: MlxEngine
    tokenizer: Tokenizer
    inside: tuple[BareTarget, EngineTarget]
    http: list[HttpTarget]
    path: Path
    say: Callable[[str], object]
    asks: Asks = field(default_factory=Asks)
    began_at: float = field(default_factory=time.monotonic)

    def steps(self) -> None:
        """The engine's step beside the bare loop's, which draws with the same sampler; then with uneven lengths."""
        for streams in self.plan.streams:
            for kind in (*KINDS, UNEVEN):
                self._one(names.STEP_RATIO, names.ENGINE, streams, kind, partial(self._step_ratio, streams, kind))

    def rates(self) -> None:
        for _ in range(self.plan.repeats):
            for streams in self.plan.streams:
                for kind in KINDS:
                    self._rates_side_by_side(streams, kind)

    def warm_up(self) -> None:
        """Once through the sizes: what is loaded or compiled at the first use is paid before the clock runs."""
        awake = [target for target in self.http if not self._rest(target)]
        for streams in self._warm_sizes():
            for kind in KINDS:
                for inside in self.inside:
                    inside.rate(self.asks.many(streams, kind, 4), self.plan.limit_s)
        give_back()
        for target in awake:
            self._warm(target)

    def first_tokens(self) -> None:
        """Of a prompt with a long system text, new and then asked again with other questions."""
        for repeat in range(self.plan.long_repeats):
            system = long_text(repeat, self.plan.long_tokens, self.tokenizer)
            for target in self.http:
                for measure in (names.COLD_S, names.CACHED_S):
                    ask = self.asks.about(system)
                    work = partial(self._awake, target, partial(first_s, target, ask, self.plan.limit_s))
                    self._one(measure, target.name, 1, ALIKE, work, partial(self._renew, target))
        self._overhead()

    def gaps(self) -> None:
        """Between the pieces of running streams, before and while a long prompt comes in."""
        for repeat in range(self.plan.long_repeats):
            for target in self.http:
                if not self._is_late():
                    self._wake(target)
                    self._gaps(target, seed=1000 + repeat)
                    self._renew(target)

    def _warm(self, target: HttpTarget) -> None:
        """With one setting: what servers prepare for unlike ones, ours does at its start, and the other each time."""
        for streams in self._warm_sizes():
            try:
                rate(target, self.asks.many(streams, ALIKE, 4), self.plan.limit_s)
            except Unfinished:
                target.restart()

    def _renew(self, target: HttpTarget) -> None:
        """Begin anew, and as warm as before: the next cell is not to pay for the one that failed."""
        if not self._rest(target):
            target.restart()
            self._warm(target)

    def _rest(self, target: HttpTarget) -> bool:
        """On a GPU, whose memory is not for three processes: each has it to itself, as far as it goes."""
        return not self._on_cpu and target.rest()

    def _wake(self, target: HttpTarget) -> None:
        if target.wake():
            self._warm(target)

    def _awake(self, target: HttpTarget, work: Callable[[], float]) -> float:
        """What `work` measures; it runs the clock itself, when the target is warm."""
        self._wake(target)
        return work()

    def _warm_sizes(self) -> tuple[int, ...]:
        return self.plan.streams[:1] if self._on_cpu else self.plan.streams

    @property
    def _on_cpu(self) -> bool:
        return self.engine.info.device.kind == "cpu"

    def _is_late(self) -> bool:
        return time.monotonic() - self.began_at > self.plan.budget_s

    def _rates_side_by_side(self, streams: int, kind: str) -> None:
        for inside in self.inside:
            work = partial(inside.rate, self.asks.many(streams, kind, self.plan.max_tokens), self.plan.limit_s)
            self._one(names.RATE, inside.name, streams, kind, work)
            give_back()
        for target in self.http:
            self._give_up_behind(target, streams, kind)
            asks = self.asks.many(streams, kind, self.plan.max_tokens)
            work = partial(self._awake, target, partial(rate, target, asks, self.plan.limit_s))
            self._one(names.RATE, target.name, streams, kind, work, partial(self._renew, target))
            self._rest(target)

    def _give_up_behind(self, target: HttpTarget, streams: int, kind: str) -> None:
        """What fewer streams could not finish isn't tried with more: each try costs the limit, and a restart."""
        fewer = [self.report.find(names.RATE, target.name, n, kind) for n in self.plan.streams if n < streams]
        failed = next((cell for cell in fewer if cell is not None and cell.unfinished), None)
        if failed is not None:
            cell = self.report.cell(names.RATE, target.name, streams, kind)
            cell.unfinished = cell.unfinished or f"not tried: {failed.streams} did not finish"

    def _step_ratio(self, streams: int, kind: str) -> float:
        base = self.plan.step_tokens
        spread = np.linspace(0.4, 1.6, streams) if kind == UNEVEN and streams > 1 else np.ones(streams)
        settings = ALIKE if kind == UNEVEN else kind
        params = [ask.params for ask in self.asks.many(streams, settings, 1_000_000)]
        prompts = [_random_prompt(row, int(base * share)) for row, share in enumerate(spread)]
        sequences = [
            Sequence(f"{row}", prompt, params) for row, (prompt, params) in enumerate(zip(prompts, params, strict=True))
        ]
        bare = BareLoop(self.engine, [_random_prompt(row, base) for row in range(streams)], params)
        for sequence in sequences:
            self.engine.add(sequence)
            while self.engine.prefill(sequence.id, self.engine.prefill_chunk):
                pass
        # In turns, so that whatever else the machine does slows both.
        pairs = [(burst_s(bare.step), burst_s(self.engine.decode)) for _ in range(self.plan.step_bursts)]
        for sequence in sequences:
            self.engine.remove(sequence.id)
        self.engine.decode()
        return median(plain / ours for plain, ours in pairs)

    def _overhead(self) -> None:
        """HTTP's time to the first piece less the engine's own, of warm hits on one text."""
        ours = [target for target in self.http if target.name == names.PENSIEVE]
        system = long_text(99, self.plan.long_tokens // 8, self.tokenizer)
        for target in ours:
            for hit in range(self.plan.warm_hits + 1):
                try:
                    through = first_s(target, self.asks.about(system), self.plan.limit_s)
                    engine_s = self.inside[1].first_s(self.asks.about(system), self.plan.limit_s)
                except Unfinished:
                    return
                if hit > 0:  # the first is cold
                    self._one(names.OVERHEAD_MS, target.name, 1, ALIKE, partial(_ms, through - engine_s))

    def _gaps(self, target: HttpTarget, seed: int) -> None:
        plan = self.plan
        cells = {
            name: self.report.cell(name, target.name, plan.gap_streams, ALIKE)
            for name in (names.CALM_P50_MS, names.CALM_P99_MS, names.AMONG_P50_MS, names.AMONG_P99_MS,
                         names.LONG_AMONG_S)
        }  # fmt: skip
        try:
            found = self._gaps_of(target, long_text(seed, plan.long_tokens, self.tokenizer))
        except Unfinished as error:
            for cell in cells.values():
                cell.unfinished = str(error)
        else:
            for cell, value in zip(cells.values(), found, strict=True):
                cell.values.append(value)
        for cell in cells.values():
            self._keep(cell)

    def _gaps_of(self, target: HttpTarget, system: str) -> tuple[float, ...]:
        plan = self.plan
        streams = [Stream(2 * plan.limit_s) for _ in range(plan.gap_streams)]
        asks = self.asks.many(plan.gap_streams, ALIKE, 2000)
        together = Together([partial(target.follow, a, s) for a, s in zip(asks, streams, strict=True)])
        try:
            give_up_at = time.monotonic() + plan.limit_s
            while min(len(stream.texts_at) for stream in streams) < 5:
                together.check()
                if time.monotonic() > give_up_at:
                    raise Unfinished(f"not all streams began in {plan.limit_s:.0f} s")
                time.sleep(0.05)
            calm_from = time.monotonic()
            time.sleep(plan.calm_s)
            came_at = time.monotonic()
            long_s = first_s(target, self.asks.about(system), plan.limit_s)
            until = came_at + long_s
            together.check()
        finally:
            for stream in streams:
                stream.enough.set()
        together.join(plan.limit_s)
        calm = [gap for stream in streams for gap in stream.gaps_ms(calm_from, came_at)]
        among = [gap for stream in streams for gap in stream.gaps_ms(came_at, until)]
        if not calm or not among:
            raise Unfinished("no stream went on while the long prompt came in")
        return p50(calm), p99(calm), p50(among), p99(among), long_s

    def _one(
        self, measure: str, target: str, streams: int, kind: str,
        work: Callable[[], float], after_failure: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        """Measure once more into a cell, unless the cell has been given up already."""
        cell = self.report.cell(measure, target, streams, kind)
        if cell.unfinished or self._is_late():
            return
        try:
            cell.values.append(work())
        except Unfinished as error:
            cell.unfinished = str(error)
            after_failure()
        self._keep(cell)

    def _keep(self, cell: Cell) -> None:
        figure = cell.unfinished or (f"{cell.values[-1]:.2f}" if cell.values else "")
        self.say(f"{cell.measure:45} {cell.target:14} {cell.streams:3} {cell.kind:28} {figure}")
        # After each: a run that is broken off has measured something.
        self.report.write(self.path)


def _random_prompt(row: int, length: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng(row).integers(100, 30_000, max(1, length)).tolist())


def _ms(seconds: float) -> float:
    return 1000 * seconds
