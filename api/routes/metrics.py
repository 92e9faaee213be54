"""GET /metrics: the whole service in Prometheus's text format, the same from every API process."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, cast

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from api.metrics import Seen, families
from api.services import Services, current_services
from queue_config import keys
from queue_config.connection import RedisError
from queue_config.report import reports
from queue_config.waiting_list import waiting_lanes

metrics = Blueprint("metrics", __name__)

_VERSION = version("pensieve")


@metrics.get("/metrics")
def get_metrics() -> Response:
    registry = CollectorRegistry()
    registry.register(_Found(families(_look(current_services()))))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Found(Collector):
    """Families that were made for this one answer."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = tuple(found)

    def collect(self) -> Iterable[Metric]:
        return self._found


def _look(services: Services) -> Seen:
    """Where Redis doesn't answer that is the news; the rest is missing then, and not zero."""
    redis = services.redis
    try:
        services.counts.flush()
        memory = cast(Mapping[str, Any], redis.info("memory"))
        models = {services.model.name, *(name.decode() for name in cast(list[bytes], redis.zrange(keys.MODELS, 0, -1)))}
        waiting: dict[tuple[str, str], int] = {
            (model, lane.lane): lane.count for model in sorted(models) for lane in waiting_lanes(redis, model, limit=1)
        }
        return Seen(
            version=_VERSION,
            redis_is_up=True,
            redis_bytes=memory["used_memory"],
            redis_limit_bytes=memory["maxmemory"],
            counts=services.counts.read(),
            refused=int(cast(bytes | None, redis.get(keys.REFUSED)) or 0),
            waiting=waiting,
            reports=reports(redis),
        )
    except RedisError:
        return Seen(version=_VERSION, counts={}, waiting={})
