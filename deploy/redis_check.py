"""Whether the Redis that PENSIEVE_REDIS_URL names can serve, in one sentence if not."""

from urllib.parse import urlsplit

from deploy.failure import Failure
from deploy.redis_server import OLDEST
from queue_config.connection import RedisError, connect

_PATIENCE_S = 3.0


def require_redis(url: str) -> None:
    """Raise Failure unless it answers PING within 3 s and is new enough."""
    try:
        with connect(url, reply_timeout_s=_PATIENCE_S) as client:
            client.ping()
            version = str(client.info("server")["redis_version"])
    except ValueError as error:
        raise Failure(
            f"PENSIEVE_REDIS_URL is no Redis URL ({error}); one looks like redis://127.0.0.1:6379/0."
        ) from error
    except RedisError as error:
        raise Failure(
            f"The Redis at {_without_password(url)} does not answer ({error}). Start it, mend PENSIEVE_REDIS_URL, "
            "or unset it: then Pensieve runs a Redis of its own."
        ) from error
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise Failure(f"The Redis at {_without_password(url)} is {version}; Pensieve needs 6.2 or newer.")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
