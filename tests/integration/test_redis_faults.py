"""Redis fails in every way: new requests are refused, open streams wait and go on exactly, nobody is restarted."""

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import redis as redis_py

from tests.support.redis_server import RedisServer
from tests.support.sentinels import Sentinels
from tests.support.whole_service import WholeService
from tests.support.worker import wait_until

Fault = Callable[[RedisServer], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    server = RedisServer(durable=True)
    yield server
    server.close()


@pytest.fixture(scope="module")
def service(server: RedisServer) -> Iterator[WholeService]:
    """Its processes are older than Redis."""
    with tempfile.TemporaryDirectory() as home, WholeService(server.service_url, Path(home)) as service:
        assert service.accept("too early") is None
        server.start()
        service.wait_until_ready()
        yield service


def admin(server: RedisServer) -> redis_py.Redis:
    return redis_py.Redis.from_url(server.url)


@contextmanager
def killed(server: RedisServer) -> Iterator[None]:
    server.kill()
    yield
    server.start()


@contextmanager
def frozen(server: RedisServer) -> Iterator[None]:
    server.freeze()
    yield
    server.thaw()


@contextmanager
def paused(server: RedisServer) -> Iterator[None]:
    with admin(server) as client:
        client.client_pause(60_000, all=False)
        yield
        client.client_unpause()


@contextmanager
def demoted(server: RedisServer) -> Iterator[None]:
    with admin(server) as client:
        client.replicaof("127.0.0.1", 1)
        yield
        client.replicaof("NO", "ONE")


@contextmanager
def full(server: RedisServer) -> Iterator[None]:
    with admin(server) as client:
        client.config_set("maxmemory", 1000)
        yield
        client.config_set("maxmemory", 2**31)


@contextmanager
def without_replicas(server: RedisServer) -> Iterator[None]:
    with admin(server) as client:
        client.config_set("min-replicas-to-write", 1)
        yield
        client.config_set("min-replicas-to-write", 0)


@contextmanager
def out_of_disk(server: RedisServer) -> Iterator[None]:
    size = max(path.stat().st_size for path in server.folder.rglob("*.aof"))
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    with admin(server) as client:
        wait_until(lambda: client.info("persistence")["aof_last_write_status"] == "err", "a failed write")
        yield
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


FAULTS: list[Fault] = [killed, frozen, paused, demoted, full, without_replicas]
if sys.platform == "linux":
    FAULTS.append(out_of_disk)


def test_processes_that_started_before_redis_have_waited_for_it(service: WholeService) -> None:
    service.wait_until_ended(service.accept("now") or "")

    assert service.worker_ends == 0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_new_requests_are_refused_and_open_streams_go_on_exactly(
    server: RedisServer, service: WholeService, fault: Fault
) -> None:
    streams = service.streams(3, 40)
    queued = service.accept("accepted before")
    assert queued, "refused before there was any fault"
    with fault(server):
        refused = [service.accept("too late"), service.accept("too late")]
        ready, _ = service.readiness()
        before = [stream.pings for stream in streams]
        wait_until(lambda: all(s.pings > n for s, n in zip(streams, before, strict=True)), "pings in all streams")
    outcomes = [stream.outcome() for stream in streams]
    service.wait_until_accepting()
    service.wait_until_ended(queued)

    assert (refused, ready) == ([None, None], 503)
    assert outcomes == [stream.exact for stream in streams]
    assert service.worker_ends == 0


def test_streams_are_exact_while_all_connections_are_cut_again_and_again(
    server: RedisServer, service: WholeService
) -> None:
    streams = service.streams(8, 60)
    with admin(server) as client:
        while not all(stream.end for stream in streams):
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            time.sleep(0.1)
    outcomes = [stream.outcome() for stream in streams]

    assert outcomes == [stream.exact for stream in streams]
    assert service.worker_ends == 0


def test_a_failover_by_sentinel_is_an_outage_of_a_moment(tmp_path: Path) -> None:
    with Sentinels() as sentinels, WholeService(sentinels.url, tmp_path) as service:
        service.wait_until_ready()
        streams = service.streams(3, 60)
        sentinels.kill_master()
        outcomes = [stream.outcome() for stream in streams]
        service.wait_until_accepting()
        ends = service.worker_ends

    assert outcomes == [stream.exact for stream in streams]
    assert ends == 0
