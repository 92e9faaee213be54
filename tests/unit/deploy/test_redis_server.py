"""Finding a Redis server, and the configuration it gets."""

from pathlib import Path

import pytest
import redis as redis_py

from deploy.failure import Failure
from deploy.redis_server import Server, config, find_server, packaged, url, version_of
from tests.support.redis_server import RedisServer


def server_that_says(folder: Path, name: str, answer: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def test_a_system_server_is_preferred(tmp_path: Path) -> None:
    path = server_that_says(tmp_path, "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc")

    assert find_server(str(tmp_path)) == Server(path, (7, 0))


def test_valkey_serves_where_the_system_s_redis_is_too_old(tmp_path: Path) -> None:
    server_that_says(tmp_path, "redis-server", "Redis server v=6.0.16 sha=00000000:0")
    valkey = server_that_says(tmp_path, "valkey-server", "Valkey server v=8.1.0 sha=00000000:0")

    assert find_server(str(tmp_path)) == Server(valkey, (8, 1))


def test_the_packaged_server_serves_where_the_system_has_none(tmp_path: Path) -> None:
    found = find_server(str(tmp_path))

    assert [found.path] == packaged()


def test_without_any_server_the_failure_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.redis_server.packaged", list)

    with pytest.raises(Failure, match=r"Install redis-server or valkey-server 6.2 or newer"):
        find_server(str(tmp_path))


@pytest.mark.parametrize("answer", ["hello", ""])
def test_what_is_no_redis_has_no_version(answer: str, tmp_path: Path) -> None:
    assert version_of(server_that_says(tmp_path, "redis-server", answer)) is None


def test_a_program_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert version_of(tmp_path / "redis-server") is None


def test_the_configuration_opens_no_port_and_forgets_nothing() -> None:
    lines = config(Path("/data"), Path("/run/redis.sock")).splitlines()

    assert set(lines) >= {
        "port 0",
        'unixsocket "/run/redis.sock"',
        "unixsocketperm 700",
        'dir "/data"',
        "appendonly yes",
        "appendfsync everysec",
        "maxmemory-policy noeviction",
    }


def test_a_path_with_quotes_survives_the_configuration() -> None:
    assert r'dir "/a \"b\" c"' in config(Path('/a "b" c'), Path("/s")).splitlines()


def test_a_path_with_blanks_survives_the_url() -> None:
    assert url(Path("/my files/redis.sock")) == "unix:///my%20files/redis.sock?db=0"


def test_a_real_server_takes_the_configuration(redis: redis_py.Redis) -> None:
    assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert redis.config_get("port") == {"port": "0"}


def test_a_durable_server_keeps_its_data_through_a_kill() -> None:
    with RedisServer(durable=True) as server:
        with redis_py.Redis.from_url(server.url) as client:
            client.set("accepted", "yes")
        server.kill()
        server.start()
        with redis_py.Redis.from_url(server.url) as client:
            kept = client.get("accepted")

        assert kept == b"yes"
