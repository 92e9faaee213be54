"""One process at a time."""

import fakeredis

from queue_config.chore_lease import ChoreLease


def test_one_holds_it_until_it_lets_go() -> None:
    redis = fakeredis.FakeRedis()
    one, other = ChoreLease(redis, "batches"), ChoreLease(redis, "batches")
    first = [one.hold(), other.hold(), one.hold()]
    other.release()
    second = [other.hold(), one.hold()]
    one.release()

    assert (first, second) == ([True, False, True], [False, True])
    assert other.hold() is True


def test_a_dead_holders_lease_runs_out() -> None:
    redis = fakeredis.FakeRedis()
    ChoreLease(redis, "batches").hold()
    (key,) = redis.keys()

    assert 0 < redis.pttl(key) <= 5_000


def test_chores_have_leases_of_their_own() -> None:
    redis = fakeredis.FakeRedis()

    assert [ChoreLease(redis, name).hold() for name in ("batches", "webhooks")] == [True, True]
