"""When an engine counts as stuck."""

from dataclasses import dataclass

from workers.watchdog import FROZEN_S, Watchdog


@dataclass
class Bench:
    """Looks twice a second, while the engine's age grows as fast as the clock."""

    now: float = 0.0
    stepped_at: float = 0.0

    def __post_init__(self) -> None:
        self.dog = Watchdog(lambda: self.now - self.stepped_at, 15.0, lambda: None, lambda: self.now)

    def look_until(self, now: float) -> bool:
        while self.now < now:
            self.now += 0.5
            if self.dog.is_stuck():
                return True
        return False


def test_an_engine_that_does_not_step_is_stuck_when_patience_ends() -> None:
    bench = Bench()

    assert not bench.look_until(14.5)
    assert bench.look_until(15.0)


def test_a_step_in_between_gives_it_its_whole_time_again() -> None:
    bench = Bench()
    bench.look_until(10.0)
    bench.stepped_at = 10.0

    assert not bench.look_until(24.5)
    assert bench.look_until(25.0)


def test_a_process_that_stood_still_as_a_whole_is_excused() -> None:
    bench = Bench()
    bench.look_until(1.0)
    bench.now += 20.0

    assert not bench.dog.is_stuck()
    assert not bench.look_until(21.0 + 15.0 - FROZEN_S)
    assert bench.look_until(40.0)
