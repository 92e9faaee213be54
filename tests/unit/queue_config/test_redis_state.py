"""What a Redis promises, out of what it says of itself."""

from typing import Any

import pytest

from queue_config.redis_state import RedisState

INFO = {
    "redis_version": "7.2.4",
    "role": "master",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "maxmemory_policy": "noeviction",
    "maxmemory": 1_000_000,
    "used_memory": 400_000,
    "total_system_memory": 9_000_000,
}
CONFIG = {"appendfsync": "everysec", "save": "", "min-replicas-to-write": "0"}


def state(config: dict[str, str] = CONFIG, **info: Any) -> RedisState:
    return RedisState.of(INFO | info, config)


@pytest.mark.parametrize(
    ("aof_enabled", "fsync", "durability"),
    [(0, "everysec", "none"), (1, "everysec", "process"), (1, "no", "process"), (1, "always", "machine")],
)
def test_durability_is_what_survives_a_death(aof_enabled: int, fsync: str, durability: str) -> None:
    assert state(CONFIG | {"appendfsync": fsync}, aof_enabled=aof_enabled).durability == durability


def test_a_redis_as_we_run_it_has_no_risks() -> None:
    assert (state().risks, state().refusal) == ((), "")
    assert state().promise == (
        "append-only file, appendfsync everysec: nothing is lost if Redis dies, "
        "one to two seconds if its machine loses power"
    )


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"aof_enabled": 0}, "set appendonly yes"),
        ({"maxmemory_policy": "allkeys-lru"}, "set it to noeviction"),
        ({"maxmemory": 0}, "no maxmemory"),
        ({"aof_last_write_status": "err"}, "can't write its append-only file"),
        ({"aof_last_bgrewrite_status": "err"}, "can't write its append-only file"),
        ({"rdb_last_bgsave_status": "err"}, "last snapshot failed"),
        ({"connected_slaves": 1}, "set min-replicas-to-write 1"),
    ],
)
def test_each_risk_is_named_with_its_remedy(info: dict[str, Any], words: str) -> None:
    (risk,) = state(**info).risks

    assert words in risk


def test_snapshots_alone_lose_what_came_after_the_last() -> None:
    (risk,) = state(CONFIG | {"save": "3600 1"}, aof_enabled=0).risks

    assert "what was accepted since its last snapshot is lost" in risk


def test_what_redis_does_not_tell_is_no_reproach() -> None:
    assert state({}, connected_slaves=1).risks == ()


@pytest.mark.parametrize(
    ("info", "refusal"),
    [
        ({"role": "slave"}, "Redis is a read-only replica"),
        ({"loading": 1}, "Redis is loading its data"),
        ({"used_memory": 500_000}, "Redis's memory is 50% full"),
        ({"used_memory": 599_999, "mem_not_counted_for_evict": 100_000}, ""),
        ({"used_memory": 1_690_000_000, "maxmemory": 2_000_000_000}, ""),
        ({"used_memory": 1_700_000_000, "maxmemory": 2_000_000_000}, "Redis's memory is 85% full"),
        ({"used_memory": 8_000_000, "maxmemory": 0}, "Redis's memory is 89% full"),
    ],
)
def test_nothing_new_is_accepted_by_a_replica_or_what_is_nearly_full(info: dict[str, Any], refusal: str) -> None:
    assert state(**info).refusal == refusal
