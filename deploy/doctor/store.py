"""What of Redis keeps Pensieve's promises: that it is there, durable, and agrees about the time."""

from deploy.doctor.finding import Finding, bad, ok, warn
from deploy.failure import Failure
from deploy.redis_check import open_door, promise, require_redis, warnings
from deploy.redis_server import find_server
from queue_config.redis_state import RedisState

SKEW_S = 2.0
"""Deadlines and waits are reckoned across machines."""


def reached(url: str) -> RedisState | Finding | None:
    """What the Redis at this URL says of itself, None where it tells nothing; or why it can't serve."""
    try:
        return require_redis(url)
    except Failure as failure:
        return bad("redis", "Redis can't serve", str(failure))


def server() -> Finding:
    """Where nothing runs yet: whether there is one to be started."""
    try:
        found = find_server()
    except Failure as failure:
        return bad("redis", "no Redis", str(failure))
    major, minor = found.version
    return ok("redis", f"Redis server {found.path}, compatible with {major}.{minor}; it will keep an append-only file")


def durability(state: RedisState | None) -> Finding:
    risks = warnings(state)
    if state is None or not risks:
        return warn("redis", promise(state), "; ".join(risks)) if risks else ok("redis", promise(state))
    keeps = state.append_only and state.append_only_ok and state.policy == "noeviction"
    return (warn if keeps else bad)("redis", promise(state), "; ".join(risks))


def door(url: str) -> Finding:
    warning = open_door(url)
    return (
        warn("redis access", *warning.split(": "))
        if warning
        else ok("redis access", "Redis has no port, or asks for a password")
    )


def clock(redis_s: float, here_s: float) -> Finding:
    """Both in Unix seconds, of one moment."""
    skew_s = here_s - redis_s
    if abs(skew_s) < SKEW_S:
        return ok("clock", "this machine and Redis agree about the time")
    ahead = "ahead of" if skew_s > 0 else "behind"
    return bad(
        "clock",
        f"this machine's clock is {abs(skew_s):.0f} s {ahead} Redis's: deadlines come at wrong times",
        "let both machines set their clocks by NTP",
    )
