"""In which order the benchmarks ask their targets, and how warm those are."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.perf.bench.asks import ALIKE, UNLIKE, Ask
from tests.perf.bench.report import BARE, ENGINE, MLX_LM, RATE, Report
from tests.perf.bench.scenarios import Plan, Run
from tests.perf.bench.streams import Stream, Unfinished

PLAN = Plan(
    streams=(1, 2), repeats=1, long_repeats=1, max_tokens=9, limit_s=5, long_tokens=10, gap_streams=1, calm_s=0,
    warm_hits=1, step_bursts=1, step_tokens=1, budget_s=60,
)  # fmt: skip


def _kind(asks: list[Ask]) -> str:
    return ALIKE if all(ask.params.temperature == 0 for ask in asks) else UNLIKE


@dataclass(slots=True)
class InProcess:
    """Notes how many asks of which kind it got, and how long their answers were to be."""

    name: str
    asked: list[tuple[int, str, int]] = field(default_factory=list)

    def rate(self, asks: list[Ask], limit_s: float) -> float:  # noqa: ARG002
        self.asked.append((len(asks), _kind(asks), asks[0].params.max_tokens))
        return 1.0


@dataclass(slots=True)
class Stalling:
    """Answers greedy asks, and no others; notes the lengths of the answers it was asked for, 0 for a restart."""

    rests: bool = False
    is_awake: bool = True
    name: str = MLX_LM
    lengths: list[int] = field(default_factory=list)

    def follow(self, ask: Ask, stream: Stream) -> None:
        assert self.is_awake
        self.lengths.append(ask.params.max_tokens)
        if ask.params.temperature > 0:
            raise Unfinished("stalled")
        stream.tokens = ask.params.max_tokens

    def restart(self) -> None:
        self.lengths.append(0)

    def rest(self) -> bool:
        self.is_awake = not self.rests
        return self.rests

    def wake(self) -> bool:
        rested, self.is_awake = not self.is_awake, True
        return rested


class Beside(InProcess):
    """Is measured while that target sleeps."""

    def __init__(self, target: Stalling) -> None:
        super().__init__(BARE)
        self.target = target

    def rate(self, asks: list[Ask], limit_s: float) -> float:
        assert not self.target.is_awake
        return super().rate(asks, limit_s)


class Mute(Stalling):
    """Answers nothing."""

    def follow(self, ask: Ask, stream: Stream) -> None:
        super().follow(ask, stream)
        raise Unfinished("mute")


def run_of(folder: Path, kind: str, inside: tuple[InProcess, InProcess], http: list[Stalling]) -> Run:
    device: Any = SimpleNamespace(info=SimpleNamespace(device=SimpleNamespace(kind=kind)))
    nothing: Any = None
    targets: Any = inside
    report = Report(machine={}, model={}, options={})
    return Run(report, PLAN, device, nothing, targets, [*http], folder / "run.json", lambda _: None)


def test_on_a_gpu_each_size_is_warmed_with_both_kinds_of_settings(tmp_path: Path) -> None:
    bare, engine = InProcess(BARE), InProcess(ENGINE)
    run_of(tmp_path, "cuda", (bare, engine), []).warm_up()

    # Short ones: what is asked for is the shapes.
    assert bare.asked == [(1, ALIKE, 4), (1, UNLIKE, 4), (2, ALIKE, 4), (2, UNLIKE, 4)]
    assert engine.asked == bare.asked


def test_on_a_cpu_where_nothing_is_compiled_the_first_size_is_enough(tmp_path: Path) -> None:
    bare = InProcess(BARE)
    run_of(tmp_path, "cpu", (bare, InProcess(ENGINE)), []).warm_up()

    assert bare.asked == [(1, ALIKE, 4), (1, UNLIKE, 4)]


def test_a_target_that_failed_is_as_warm_as_before_when_the_next_cell_begins(tmp_path: Path) -> None:
    target = Stalling()
    run = run_of(tmp_path, "cuda", (InProcess(BARE), InProcess(ENGINE)), [target])
    run.rates()

    one_greedy, one_unlike, after_its_restart, two_greedy = [9], [9], [0, 4, 4, 4], [9, 9]
    assert target.lengths == [*one_greedy, *one_unlike, *after_its_restart, *two_greedy]


def test_on_a_gpu_a_target_that_keeps_its_memory_is_awake_and_warm_in_its_own_cells_alone(tmp_path: Path) -> None:
    target = Stalling(rests=True)
    inside = Beside(target), Beside(target)
    run = run_of(tmp_path, "cuda", inside, [target])
    run.warm_up()
    run.rates()

    assert all(one.asked for one in inside)
    warm = [4, 4, 4]
    assert target.lengths == [*warm, 9, *warm, 9, *warm, 9, 9]


def test_on_a_gpu_it_is_awake_again_behind_a_cell_of_the_long_prompt_that_failed(tmp_path: Path) -> None:
    target = Mute(rests=True)
    run = run_of(tmp_path, "cuda", (InProcess(BARE), InProcess(ENGINE)), [target])
    words: Any = SimpleNamespace(encode_text=str.split)
    run.tokenizer = words
    run.first_tokens()

    assert [cell.unfinished for cell in run.report.cells] == ["mute", "mute"]
    assert target.lengths.count(2) == 2


def test_on_a_cpu_it_goes_on_running(tmp_path: Path) -> None:
    target = Stalling(rests=True)
    run = run_of(tmp_path, "cpu", (InProcess(BARE), InProcess(ENGINE)), [target])
    run.warm_up()

    assert target.is_awake
    assert target.lengths == [4]


def test_what_one_stream_did_not_finish_is_not_tried_with_two(tmp_path: Path) -> None:
    run = run_of(tmp_path, "cuda", (InProcess(BARE), InProcess(ENGINE)), [Stalling()])
    run.rates()

    assert [(cell.streams, cell.kind, cell.unfinished) for cell in run.report.cells if cell.target == MLX_LM] == [
        (1, ALIKE, ""), (1, UNLIKE, "stalled"), (2, ALIKE, ""), (2, UNLIKE, "not tried: 1 did not finish"),
    ]  # fmt: skip
    assert {cell.measure for cell in run.report.cells} == {RATE}
