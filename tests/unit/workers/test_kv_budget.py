"""Admission under a budget of bytes, whatever comes."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from queue_config.request import LANES, Lane
from tests.support.scheduling import RowsByLongest, a_scheduler, a_sequence, take_turn
from workers.scheduler import Scheduler
from workers.sequence import Sequence, Stage

BUDGET = 200


@dataclass(frozen=True)
class Coming:
    tokens: int
    max_tokens: int
    lane: Lane
    turns: int
    """How long it runs once it has joined."""


comings = st.lists(
    st.builds(
        Coming,
        tokens=st.integers(1, 60),
        max_tokens=st.integers(1, 80),
        lane=st.sampled_from(LANES),
        turns=st.integers(0, 5),
    ),
    max_size=25,
)


@dataclass
class Run:
    """Turns a scheduler until all have run; what is admitted is checked against the budget in every turn."""

    scheduler: Scheduler
    comings: list[Coming]

    def __post_init__(self) -> None:
        self.sequences = [
            a_sequence(str(i), c.tokens, max_tokens=c.max_tokens, lane=c.lane) for i, c in enumerate(self.comings)
        ]
        self.left = {str(i): c.turns for i, c in enumerate(self.comings)}
        self.admitted: list[Sequence] = []

    def all(self) -> None:
        for sequence in self.sequences:
            self.scheduler.add(sequence)
        for _ in range(10_000):
            take_turn(self.scheduler)
            self._look()
            if self.scheduler.is_idle:
                return
        raise AssertionError("somebody waits for ever")

    def _look(self) -> None:
        inside = [s for s in self.sequences if s.stage is not Stage.WAITING and s.id in self.left]
        self.admitted += [s for s in inside if s not in self.admitted]
        if inside:
            rectangle = len(inside) * max(len(s.prompt) + s.sampling.max_tokens for s in inside)
            assert rectangle <= BUDGET
        for sequence in [s for s in inside if s.stage is Stage.DECODING]:
            self.left[sequence.id] -= 1
            if self.left[sequence.id] < 0:
                self.scheduler.remove(sequence)
                del self.left[sequence.id]


@given(comings)
def test_all_run_in_the_end_and_never_more_at_once_than_fit(coming: list[Coming]) -> None:
    run = Run(a_scheduler(max_batch=8, chunk=16, costs=RowsByLongest(BUDGET)), coming)
    run.all()

    assert len(run.admitted) == len(coming)


@given(comings)
def test_within_a_lane_the_first_come_is_the_first_admitted(coming: list[Coming]) -> None:
    run = Run(a_scheduler(max_batch=8, chunk=16, costs=RowsByLongest(BUDGET)), coming)
    run.all()

    for lane in LANES:
        order = [int(s.id) for s in run.admitted if s.lane == lane]
        assert order == sorted(order)


def test_a_large_one_is_not_overtaken_for_ever_by_small_ones() -> None:
    scheduler = a_scheduler(costs=RowsByLongest(100))
    running, large = a_sequence("running"), a_sequence("large", 40, max_tokens=20)
    scheduler.add(running)
    take_turn(scheduler)
    scheduler.add(large)
    scheduler.add(a_sequence("small"))
    while_it_waits = take_turn(scheduler)
    scheduler.remove(running)

    assert while_it_waits == []
    assert take_turn(scheduler) == [("large", 10)]


def test_what_just_fits_alone_is_admitted_and_a_token_more_never() -> None:
    scheduler = a_scheduler(costs=RowsByLongest(100))

    assert scheduler.fits_alone(a_sequence("fits", 40, max_tokens=20))
    assert not scheduler.fits_alone(a_sequence("too large", 40, max_tokens=21))


def test_a_resumed_one_needs_no_more_than_when_it_was_new() -> None:
    scheduler = a_scheduler(costs=RowsByLongest(100))
    sequence = a_sequence("resumed", 30, max_tokens=30)
    sequence.output += range(10)

    assert scheduler.fits_alone(sequence)
