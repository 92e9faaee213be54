"""GET /health: the process answers. GET /health/ready: the service works, with the evidence."""

from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, jsonify

from api.services import Services, current_services
from queue_config import keys
from queue_config.connection import RedisError
from queue_config.lease import TTL_S, WorkerStatus
from queue_config.redis_state import UNTOLD, read

health = Blueprint("health", __name__)

ENGINE_PATIENCE_S = 5.0
"""An engine that has neither stepped nor rested for this long is stuck, whatever its process says."""
_VERSION = version("pensieve")


@health.get("/health")
def live() -> dict[str, str]:
    return {"status": "ok", "version": _VERSION}


@health.get("/health/ready")
def ready() -> Response:
    services = current_services()
    checks = _checks(services)
    missing = [name for name, check in checks.items() if not check["ok"]]
    response = jsonify(
        status="not ready" if missing else "ready",
        model=services.model.name,
        missing=missing,
        checks=checks,
    )
    response.status_code = 503 if missing else 200
    return response


def _checks(services: Services) -> dict[str, dict[str, Any]]:
    try:
        # Reading would not show a full Redis or a read-only replica.
        services.redis.set(keys.PROBE, b"", ex=TTL_S)
        workers = services.leases.live()
        redis = _redis_check(services)
    except RedisError as error:
        return {
            "redis": {"ok": False, "why": f"Redis can't be written: {error}"},
            "worker": {"ok": False, "why": "unknown without Redis"},
        }
    return {"redis": redis, "worker": _worker_check(workers, services.model.name)}


def _redis_check(services: Services) -> dict[str, Any]:
    """What the promise that nothing is lost rests on."""
    state = read(services.redis)
    if state is None:
        return {"ok": True, "durability": "unknown", "risks": [UNTOLD]}
    return {"ok": not state.refusal, **({"why": state.refusal} if state.refusal else {}), **state.as_dict()}


def _worker_check(workers: list[WorkerStatus], model: str) -> dict[str, Any]:
    serving = [worker for worker in workers if worker.model == model]
    if not serving:
        return {"ok": False, "why": "no worker with this model is running"}
    active = [worker for worker in serving if not worker.draining]
    if not active:
        return {"ok": False, "why": "every worker is shutting down"}
    freshest = min(active, key=lambda worker: worker.engine_age_s)
    evidence = {
        "name": freshest.name,
        "device": freshest.device,
        "engine_age_s": freshest.engine_age_s,
        "running": freshest.running,
        "waiting": freshest.waiting,
        "slots": freshest.slots,
        "refused": freshest.refused,
    }
    if freshest.engine_age_s >= ENGINE_PATIENCE_S:
        return {"ok": False, "why": "the engine does not step", **evidence}
    return {"ok": True, **evidence}
