"""RedisState: what the connected Redis promises of durability, and whether it takes new requests, as it says itself."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, cast

from redis import Redis
from redis.exceptions import ResponseError

Durability = Literal["none", "process", "machine"]

RESERVE_BYTES = 256_000_000
RESERVE = 0.15
MOST_RESERVE = 0.5
"""Of Redis's memory this much is kept for what accepted requests still write, their ends above all: RESERVE_BYTES or
the part RESERVE, whichever is more, but no more than the part MOST_RESERVE."""
UNTOLD = "Redis doesn't say what it promises: let this user ask for INFO"
_ASKED = ("appendfsync", "save", "min-replicas-to-write")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisState:
    version: str
    role: Literal["master", "replica"]
    is_loading: bool
    """It reads its files, and knows nothing yet."""
    append_only: bool
    fsync: str
    """When the append-only file is on the disk: always, everysec, no; empty where Redis doesn't tell us."""
    snapshots: bool | None
    """None where Redis doesn't tell us."""
    append_only_ok: bool
    """By the last write of the file, and the last rewrite of it."""
    snapshot_ok: bool
    policy: str
    """What Redis does when its memory is full."""
    used_bytes: int
    limit_bytes: int
    """0 where it knows none."""
    has_limit: bool
    """Redis's own, not the machine's."""
    replicas: int
    min_replicas: int | None
    """How many must have a write at the least, or None where Redis doesn't tell us."""

    @classmethod
    def of(cls, info: dict[str, Any], config: dict[str, str]) -> Self:
        """From INFO and CONFIG GET; what is in neither counts as well."""
        own_limit = int(info.get("maxmemory", 0))
        save = config.get("save")
        least = config.get("min-replicas-to-write")
        return cls(
            version=str(info.get("redis_version", "")),
            role="replica" if info.get("role") in {"slave", "replica"} else "master",
            is_loading=bool(info.get("loading", 0)),
            append_only=bool(info.get("aof_enabled", 0)),
            fsync=config.get("appendfsync", ""),
            snapshots=None if save is None else bool(save),
            append_only_ok={info.get("aof_last_write_status", "ok"), info.get("aof_last_bgrewrite_status", "ok")}
            == {"ok"},
            snapshot_ok=info.get("rdb_last_bgsave_status", "ok") == "ok",
            policy=str(info.get("maxmemory_policy", "noeviction")),
            # Buffers for replicas and the append-only file don't count.
            used_bytes=max(0, int(info.get("used_memory", 0)) - int(info.get("mem_not_counted_for_evict", 0))),
            limit_bytes=own_limit or int(info.get("total_system_memory", 0)),
            has_limit=own_limit > 0,
            replicas=int(info.get("connected_slaves", 0)),
            min_replicas=None if least is None else int(least),
        )

    @property
    def durability(self) -> Durability:
        """What the death of Redis's process, or of its machine, leaves of what was accepted."""
        if not self.append_only:
            return "none"
        return "machine" if self.fsync == "always" else "process"

    @property
    def promise(self) -> str:
        """The same in a sentence."""
        match self.durability:
            case "none":
                return "no append-only file: if Redis stops, what was accepted is lost"
            case "process":
                how = f"appendfsync {self.fsync}" if self.fsync else "appendfsync unknown"
                lost = "some" if self.fsync == "no" else "one to two"
                return (
                    f"append-only file, {how}: nothing is lost if Redis dies, {lost} seconds if its machine loses power"
                )
            case "machine":
                return "append-only file, appendfsync always: nothing is lost if Redis dies or its machine loses power"

    @property
    def risks(self) -> tuple[str, ...]:
        """What an operator should mend; each says how."""
        found = {
            f"Redis keeps no append-only file, so that {self._loss}: set appendonly yes": not self.append_only,
            f"Redis may drop requests to make room (maxmemory-policy {self.policy}): set it to noeviction": (
                self.policy != "noeviction"
            ),
            "Redis has no maxmemory, so that it may be killed for want of memory: set one": not self.has_limit,
            "Redis can't write its append-only file: look at its disk and its log": not self.append_only_ok,
            "Redis's last snapshot failed: look at its disk and its log": not self.snapshot_ok,
            "Redis has replicas, but a failover may lose what they don't have yet: set min-replicas-to-write 1": (
                self.replicas > 0 and self.min_replicas == 0
            ),
        }
        return tuple(risk for risk, is_there in found.items() if is_there)

    @property
    def refusal(self) -> str:
        """Why nothing new may be accepted; empty where it may."""
        if self.role == "replica":
            return "Redis is a read-only replica"
        if self.is_loading:
            return "Redis is loading its data"
        if not self.has_room_for(0):
            return f"Redis's memory is {self.used_bytes / self.limit_bytes:.0%} full"
        return ""

    def has_room_for(self, size_bytes: int) -> bool:
        """Beside what accepted requests still need."""
        reserve_bytes = max(RESERVE * self.limit_bytes, min(MOST_RESERVE * self.limit_bytes, RESERVE_BYTES))
        return not self.limit_bytes or self.used_bytes + size_bytes < self.limit_bytes - reserve_bytes

    @property
    def _loss(self) -> str:
        if self.snapshots:
            return "what was accepted since its last snapshot is lost if it stops"
        return "what was accepted is lost if it stops"

    def as_dict(self) -> dict[str, Any]:
        """For reports."""
        return {"durability": self.durability, **asdict(self), "risks": list(self.risks)}


def read(redis: Redis, *, with_config: bool = True) -> RedisState | None:
    """Ask it; None where its user may not. Raises RedisError where it doesn't answer."""
    try:
        info = redis.info()
    except ResponseError:
        return None
    return RedisState.of(info, _config(redis) if with_config else {})


def _config(redis: Redis) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _ASKED:
        try:
            found |= cast(dict[str, str], redis.config_get(name))
        except ResponseError:
            # Hosted ones forbid it, or have renamed it.
            return found
    return found
