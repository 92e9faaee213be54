"""The supervisor's configuration."""

import configparser
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.places import places
from deploy.redis_server import Server
from deploy.supervision import Program, programs, supervisor_config
from queue_config.settings import Settings

WHERE = places(Path("/srv/a b/100%/.pensieve"))
SETTINGS = Settings(home=WHERE.home, drain_s=20.0)
REDIS = Server(Path("/usr/bin/redis-server"), (7, 0))


def parsed(wanted: list[Program]) -> configparser.RawConfigParser:
    # Read as supervisord reads it; %% is its way to write %.
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(supervisor_config(wanted, WHERE).replace("%%", "%"))
    return parser


def test_redis_starts_first_and_stops_last() -> None:
    wanted = sorted(programs(SETTINGS, WHERE, REDIS), key=lambda program: program.priority)

    assert [program.name for program in wanted] == ["redis", "worker", "api"]


def test_no_redis_is_run_where_somebody_else_runs_one() -> None:
    assert [program.name for program in programs(SETTINGS, WHERE, None)] == ["worker", "api"]


def test_an_api_without_a_worker_can_be_had() -> None:
    assert [program.name for program in programs(SETTINGS, WHERE, REDIS, worker=False)] == ["redis", "api"]


@pytest.mark.parametrize(
    ("platform", "own", "wanted"),
    [("linux", "", True), ("darwin", "", False), ("linux", "glibc.malloc.check=1", False)],
)
def test_a_worker_on_linux_asks_for_large_pages_unless_the_operator_has_tuned_glibc(
    platform: str, own: str, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if own:
        monkeypatch.setenv("GLIBC_TUNABLES", own)

    config = parsed(programs(SETTINGS, WHERE, REDIS))

    tuned = config.get("program:worker", "environment", fallback="")
    assert tuned == ('GLIBC_TUNABLES="glibc.malloc.hugetlb=1"' if wanted else "")
    assert not any(config.has_option(f"program:{name}", "environment") for name in ("redis", "api"))


def test_a_worker_may_drain_before_it_is_killed() -> None:
    config = parsed(programs(SETTINGS, WHERE, REDIS))

    assert int(config.get("program:worker", "stopwaitsecs")) > SETTINGS.drain_s
    assert config.get("program:worker", "stopsignal") == "TERM"


def test_every_process_is_restarted_and_its_log_rotated() -> None:
    config = parsed(programs(SETTINGS, WHERE, REDIS))

    sections = [config[f"program:{name}"] for name in ("redis", "worker", "api")]
    assert [section["autorestart"] for section in sections] == ["true"] * 3
    assert [section["stdout_logfile"] for section in sections] == [
        f"/srv/a b/100%/.pensieve/logs/{name}.log" for name in ("redis", "worker", "api")
    ]
    assert all(int(section["stdout_logfile_backups"]) > 0 for section in sections)


def test_paths_with_blanks_and_percent_signs_survive() -> None:
    config = parsed(programs(SETTINGS, WHERE, REDIS))

    command = shlex.split(config.get("program:redis", "command"))
    assert command == ["/usr/bin/redis-server", "/srv/a b/100%/.pensieve/redis.conf"]


def test_every_python_process_carries_the_service_s_mark() -> None:
    config = parsed(programs(SETTINGS, WHERE, REDIS))

    commands = [shlex.split(config.get(f"program:{name}", "command")) for name in ("worker", "api")]
    assert [command[:3] for command in commands] == [[sys.executable, "-X", f"pensieve={WHERE.identity}"]] * 2


def test_no_secret_is_written_down() -> None:
    secret = replace(SETTINGS, api_key="sk-secret", redis_url="redis://:hunter2@redis/0")
    text = supervisor_config(programs(secret, WHERE, None), WHERE)

    assert "sk-secret" not in text
    assert "hunter2" not in text
