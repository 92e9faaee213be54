"""deploy/examples/two-hosts: its files are settings that agree, and its Redis keeps what it is given."""

import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import redis as redis_py

from deploy.redis_server import find_server
from queue_config.settings import CHECKOUT, Settings
from tests.support.service import free_port

FOLDER = CHECKOUT / "deploy/examples/two-hosts"


def settings_of(name: str) -> Settings:
    lines = (FOLDER / name).read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return Settings.from_env({variable: value for variable, _, value in pairs})


def test_the_hosts_differ_in_their_address_alone() -> None:
    a, b = (asdict(settings_of(f"host-{name}.env")) for name in "ab")

    assert {field for field in a if a[field] != b[field]} == {"host"}
    assert a["redis_url"].endswith(f"@{a['host']}:6379/0")


def test_its_redis_asks_for_the_hosts_password_and_keeps_everything(tmp_path: Path) -> None:
    password = settings_of("host-a.env").redis_url.removeprefix("redis://:").partition("@")[0]
    port = free_port()
    shown = (FOLDER / "redis.conf").read_text()
    (tmp_path / "redis.conf").write_text(shown.replace("dir /var/lib/redis", f'dir "{tmp_path}"'))
    here = ["--port", str(port), "--bind", "127.0.0.1"]
    server = subprocess.Popen([find_server().path, tmp_path / "redis.conf", *here], stdout=subprocess.DEVNULL)
    try:
        with redis_py.Redis(port=port, password=password) as client, redis_py.Redis(port=port) as stranger:
            said = patiently(client)
            refused = isinstance(error_of(stranger), redis_py.AuthenticationError)
    finally:
        server.kill()
        server.wait()

    assert refused
    assert said == {"appendonly": "yes", "maxmemory-policy": "noeviction"}


def patiently(client: redis_py.Redis) -> dict[str, str]:
    give_up_at = time.monotonic() + 20
    while isinstance(error_of(client), redis_py.ConnectionError):
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
    found: dict[str, str] = {}
    for name in ("appendonly", "maxmemory-policy"):
        found |= client.config_get(name)  # type: ignore[arg-type]
    return found


def error_of(client: redis_py.Redis) -> redis_py.RedisError | None:
    try:
        client.ping()
    except redis_py.RedisError as error:
        return error
    return None
