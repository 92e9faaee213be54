"""The checks of `pensieve doctor`: each looks at one thing and says what it found."""

import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from deploy.failure import Failure
from deploy.health import Health, ask
from deploy.places import places
from deploy.ports import require_free
from deploy.redis_check import require_redis
from deploy.redis_server import find_server
from deploy.running import recall
from deploy.supervisor_client import Supervisor
from models.errors import ModelError
from models.resolve import resolve
from queue_config.settings import Settings

_DEVICE = "import mlx.core as mx; mx.eval(mx.ones(2) + 1); print(mx.default_device())"
_DEVICE_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Finding:
    ok: bool
    what: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    checks: tuple[Callable[[Settings], Finding], ...] = (_python, _mlx, _blas, _redis, _address, _model)
    return [check(settings) for check in checks]


def _python(_: Settings) -> Finding:
    return Finding(sys.version_info >= (3, 11), f"Python {platform.python_version()} at {sys.executable}")


def _mlx(_: Settings) -> Finding:
    if find_spec("mlx") is None:
        return Finding(
            ok=True, what="no MLX: this machine serves the API alone", remedy="for a worker: make setup MLX=auto"
        )
    # In a process of its own: a broken driver may take the whole process down.
    said = subprocess.run(
        [sys.executable, "-c", _DEVICE], capture_output=True, text=True, timeout=_DEVICE_PATIENCE_S, check=False
    )
    if said.returncode != 0:
        last = (said.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        return Finding(ok=False, what=f"MLX does not compute: {last}", remedy="try another build: make setup MLX=cpu")
    return Finding(ok=True, what=f"MLX {version('mlx')} computes on {said.stdout.strip()}")


def _blas(_: Settings) -> Finding:
    """Only MLX's CPU build for Linux is slow without it."""
    if sys.platform != "linux" or not _has("mlx-cpu"):
        return Finding(ok=True, what="OpenBLAS is not needed for this build of MLX")
    if not _has("cmeel-openblas"):
        return Finding(
            ok=False, what="OpenBLAS is missing, without which the CPU is 70 times slower", remedy="make setup MLX=cpu"
        )
    return Finding(ok=True, what=f"OpenBLAS {version('cmeel-openblas')} is there to be preloaded")


def _redis(settings: Settings) -> Finding:
    try:
        if settings.redis_url:
            require_redis(settings.redis_url)
            return Finding(ok=True, what="the Redis that PENSIEVE_REDIS_URL names answers")
        server = find_server()
    except Failure as failure:
        return Finding(ok=False, what="no Redis", remedy=str(failure))
    major, minor = server.version
    return Finding(ok=True, what=f"Redis server {server.path}, compatible with {major}.{minor}")


def _address(settings: Settings) -> Finding:
    where = places(settings.home)
    running = recall(where)
    if running and Supervisor(where).processes() is not None:
        ready = ask(running.host, running.port, running.ready_path, api_key=settings.api_key).health is Health.READY
        return Finding(ready, f"Pensieve runs at {running.url}", "" if ready else "it is not ready: pensieve logs")
    try:
        require_free(settings.host, settings.port)
    except Failure as failure:
        return Finding(ok=False, what=f"{settings.host}:{settings.port} can't be used", remedy=str(failure))
    return Finding(ok=True, what=f"{settings.host}:{settings.port} is free")


def _model(settings: Settings) -> Finding:
    try:
        spec = resolve(settings.model, settings.models_dir)
    except ModelError as error:
        return Finding(ok=False, what=f"model {settings.model} can't be used", remedy=str(error))
    return Finding(ok=True, what=f"model {spec.name} in {spec.dir}")


def _has(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
