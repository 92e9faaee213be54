"""Chores go on, whatever a turn does."""

import threading
from collections.abc import Callable

import fakeredis
import pytest

from api.chores import chore
from queue_config.chore_lease import ChoreLease
from queue_config.connection import RedisDown


class Turns:
    """Does what the scripts say, one after the other, and then nothing."""

    def __init__(self, *scripts: Callable[[], float]) -> None:
        self._scripts = list(scripts)
        self.done = threading.Event()

    def __call__(self) -> float:
        if self._scripts:
            return self._scripts.pop(0)()
        self.done.set()
        return 60.0


def fails(error: Exception) -> Callable[[], float]:
    def raises() -> float:
        raise error

    return raises


def test_a_turn_follows_the_other_though_one_fails_and_closing_ends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.chores.STANDBY_S", 0.0)
    redis = fakeredis.FakeRedis()
    turns = Turns(lambda: 0.0, fails(RedisDown("gone")), fails(ValueError("a bug")), lambda: 0.0)
    rounds = chore("test", ChoreLease(redis, "test"), turns)
    rounds.start()
    went_on = turns.done.wait(10)
    rounds.close()

    assert went_on
    assert redis.keys() == []


def test_who_has_no_lease_waits_until_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.chores.STANDBY_S", 0.01)
    redis = fakeredis.FakeRedis()
    other = ChoreLease(redis, "test")
    other.hold()
    turns = Turns()
    rounds = chore("test", ChoreLease(redis, "test"), turns)
    rounds.start()
    was_early = turns.done.wait(0.1)
    other.release()
    took_over = turns.done.wait(10)
    rounds.close()

    assert (was_early, took_over) == (False, True)
