"""Whether the Redis that PENSIEVE_REDIS_URL names can serve, in one sentence if not, and what to know of it if so."""

from deploy.failure import Failure
from deploy.redis_server import OLDEST
from queue_config.connection import RedisError, connect
from queue_config.redis_state import UNTOLD, RedisState, read
from queue_config.redis_url import without_password, without_user


def require_redis(url: str) -> RedisState | None:
    """What it says of itself, None where its user may not ask. Raise Failure unless it answers, is new enough and takes
    writes."""
    try:
        with connect(url) as client:
            client.ping()
            state = read(client)
    except ValueError as error:
        raise Failure(
            f"PENSIEVE_REDIS_URL is no Redis URL ({error}); one looks like redis://127.0.0.1:6379/0."
        ) from error
    except RedisError as error:
        raise Failure(
            f"The Redis at {without_password(url)} does not answer ({error}). Start it, mend PENSIEVE_REDIS_URL, "
            "or unset it: then Pensieve runs a Redis of its own."
        ) from error
    if state is None:
        return None
    if tuple(int(part) for part in state.version.split(".")[:2]) < OLDEST:
        raise Failure(f"The Redis at {without_password(url)} is {state.version}; Pensieve needs 6.2 or newer.")
    if state.role == "replica":
        raise Failure(
            f"The Redis at {without_password(url)} is a read-only replica; PENSIEVE_REDIS_URL must name the master, "
            "or Sentinels that know it: redis+sentinel://host:port,host:port/service/0."
        )
    return state


def warnings(state: RedisState | None) -> tuple[str, ...]:
    """What its operator should know before anybody trusts it."""
    return (UNTOLD,) if state is None else state.risks


def open_door(url: str) -> str:
    """What to say of a Redis that lets in whoever reaches its port; empty where it doesn't, or has a socket alone."""
    if url.startswith("unix:"):
        return ""
    try:
        with connect(without_user(url)) as stranger:
            stranger.ping()
    except RedisError:
        return ""
    return "Redis lets in whoever reaches it, to read and change everything: give it users (deploy/examples/redis)"


def promise(state: RedisState | None) -> str:
    return "durability unknown" if state is None else state.promise
