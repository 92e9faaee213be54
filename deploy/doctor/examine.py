"""examine: look at everything, in the order in which faults should be mended."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psutil

from deploy import process_table
from deploy.doctor import machine, model, service, store
from deploy.doctor.finding import Finding, bad, ok
from deploy.health import ask
from deploy.own_key import own_key
from deploy.places import Places, places
from deploy.running import Running, recall
from deploy.service_redis import redis_url
from deploy.supervisor_client import Process, Supervisor
from queue_config.connection import RedisError, connect
from queue_config.lease import Leases
from queue_config.settings import Settings


def examine(settings: Settings) -> Iterator[Finding]:
    """Findings as they come: some take seconds."""
    where = places(settings.home)
    running, processes = recall(where), Supervisor(where).processes()
    yield machine.python(is_translated=machine.is_translated())
    device = machine.mlx_device()
    yield machine.mlx(device)
    yield machine.blas(machine.installed("mlx-cpu", "cmeel-openblas"))
    for folder in _disks(settings):
        yield machine.disk(folder, shutil.disk_usage(folder).free)
    yield from _model(settings, device, is_running=processes is not None)
    if processes is None or running is None:
        yield service.leftovers(where.supervisor_pidfile, process_table.ours(where))
        yield service.address(settings.host, settings.port)
    else:
        key = own_key(settings)
        yield service.answers(running, ask(running.host, running.port, running.ready_path, api_key=key))
    yield from _redis(settings, where, running, processes)


def _disks(settings: Settings) -> list[Path]:
    """A folder of each disk that is written to; home first."""
    found = [_existing(folder) for folder in (settings.home, settings.models_dir)]
    return found[:1] if found[0].stat().st_dev == found[1].stat().st_dev else found


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _model(settings: Settings, device: machine.Device | str | None, *, is_running: bool) -> Iterator[Finding]:
    found = model.find(settings.model, settings.models_dir)
    if isinstance(found, Finding):
        yield found
        return
    yield ok("model", f"model {found.name} in {found.dir}, its files whole")
    if not isinstance(device, machine.Device):
        return
    own = psutil.virtual_memory()
    if device.is_gpu and device.memory_bytes:
        memory = model.Memory(device.memory_bytes, None, unpacks=False)
    else:
        memory = model.Memory(own.total, None if is_running else own.available, unpacks=not device.is_gpu)
    yield model.fits(found, memory)


def _redis(
    settings: Settings, where: Places, running: Running | None, processes: list[Process] | None
) -> Iterator[Finding]:
    if not settings.redis_url and processes is None:
        yield store.server()
        return
    address = redis_url(settings, where)
    state = store.reached(address)
    if isinstance(state, Finding):
        yield state
        return
    yield store.durability(state)
    yield store.door(address)
    try:
        with connect(address) as redis:
            asked_s = time.time()
            seconds, micros = cast(tuple[int, int], redis.time())
            yield store.clock(seconds + micros / 1e6, (asked_s + time.time()) / 2)
            leases = Leases(redis)
            if running is not None and processes is not None:
                yield service.worker(running.model_name, processes, leases.live(), leases.missing())
    except RedisError as error:
        yield bad("redis", f"Redis failed while it was looked at: {error}", "look at: pensieve logs redis")
