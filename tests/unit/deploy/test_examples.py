"""deploy/examples: what stands there parses, agrees with the code, and satisfies the tools that are here to ask."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.bootstrap import INPUTS
from deploy.places import places
from deploy.redis_server import config
from deploy.supervision import SLACK_S, programs
from deploy.units import stop_s
from queue_config.settings import CHECKOUT, Settings
from tests.support.examples import EXAMPLES, settings_file

SYSTEM = EXAMPLES / "systemd/system"
COMPOSE = EXAMPLES / "compose"
STOP_S = {"pensieve": stop_s(Settings().drain_s), "pensieve-api": 45, "pensieve-worker": 45}
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
_HOME = Path("/var/lib/pensieve")


def unit(name: str) -> dict[str, list[str]]:
    """What each directive is set to, in order."""
    found: dict[str, list[str]] = {}
    for line in (SYSTEM / name).read_text().splitlines():
        if line and line[0] not in "#[":
            directive, _, value = line.partition("=")
            found.setdefault(directive, []).append(value)
    return found


def own_commands() -> dict[str, list[str]]:
    """How the supervisor starts API and worker, without the path and the mark of its Python."""
    found = {program.name: [*program.command[3:]] for program in programs(Settings(home=_HOME), places(_HOME), None)}
    return {name: [word.replace(f"{CHECKOUT}/", "") for word in command] for name, command in found.items()}


def compose() -> Any:
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text())


def test_units_start_what_the_supervisor_would() -> None:
    starts = {name: unit(f"{name}.service")["ExecStart"][0].split() for name in STOP_S}

    assert starts["pensieve"] == ["/opt/pensieve/.venv/bin/pensieve", "start", "--foreground"]
    assert {name: starts[f"pensieve-{name}"][1:] for name in ("api", "worker")} == own_commands()
    assert {starts[f"pensieve-{name}"][0] for name in ("api", "worker")} == {"/opt/pensieve/.venv/bin/python"}


def test_units_have_their_time_to_drain() -> None:
    assert {name: int(unit(f"{name}.service")["TimeoutStopSec"][0]) for name in STOP_S} == STOP_S
    assert STOP_S["pensieve-worker"] >= Settings().drain_s + SLACK_S


def test_units_differ_in_no_protection() -> None:
    whole = (SYSTEM / "pensieve.service").read_text()
    parts = [(SYSTEM / f"pensieve-{name}.service").read_text() for name in ("api", "worker")]
    protections = [line for line in whole[whole.index("UMask") :].splitlines() if not line.startswith("#")]

    assert [[line for line in protections if line not in part.splitlines()] for part in parts] == [
        ["SystemCallFilter=@chown"],
        ["SystemCallFilter=@chown"],
    ]


def test_the_units_settings_are_settings() -> None:
    commented = [line[1:] for line in (SYSTEM / "pensieve.env").read_text().splitlines() if line[:10] == "#PENSIEVE_"]
    given = settings_file(SYSTEM / "pensieve.env") | dict(line.split("=", 1) for line in commented)

    assert Settings.from_env(given).home == _HOME


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    for path in [*SYSTEM.glob("*.service"), EXAMPLES / "systemd/user/pensieve.service"]:
        # It looks whether the command is there.
        lines = path.read_text().splitlines()
        there = [f"ExecStart=/bin/true {line}" if line.startswith("ExecStart=") else line for line in lines]
        copy = tmp_path / path.parent.name / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text("\n".join(there) + "\n")
    units = [str(path) for path in tmp_path.rglob("*.service")]
    said = [subprocess.run(["systemd-analyze", "verify", "--man=no", one], capture_output=True, text=True, check=False)
            for one in units]  # fmt: skip

    assert len(units) == 4
    assert [(one.returncode, one.stderr) for one in said] == [(0, "")] * 4


def test_containers_run_what_the_supervisor_would() -> None:
    services = compose()["services"]

    assert services["api"]["command"][1:] == own_commands()["api"]
    assert [services[name]["command"][1:] for name in ("worker-cpu", "worker-cuda")] == [own_commands()["worker"]] * 2


def test_containers_are_closed_but_for_one_port() -> None:
    services = compose()["services"]
    ours = [services[name] for name in services if name != "redis"]

    assert {name: found["ports"] for name, found in services.items() if "ports" in found} == {
        "api": ["127.0.0.1:7777:7777"]
    }
    assert {(found["read_only"], *found["cap_drop"], *found["security_opt"]) for found in services.values()} == {
        (True, "ALL", "no-new-privileges:true")
    }
    assert services["redis"]["networks"] == ["inside"]
    assert compose()["networks"]["inside"] == {"internal": True}
    assert {found["stop_grace_period"] for found in ours} == {f"{Settings().drain_s + SLACK_S:.0f}s"}


def test_the_containers_redis_keeps_what_ours_keeps() -> None:
    given = [words.removeprefix("--") for words in compose()["services"]["redis"]["command"][1:]]

    assert set(given) < set(config(_HOME, _HOME).splitlines())
    assert "maxmemory-policy noeviction" in given


def test_the_containers_settings_are_settings() -> None:
    services = compose()["services"]
    given = [found["environment"] for name, found in services.items() if name != "redis"]
    parsed = [
        Settings.from_env({k: v for k, v in each.items() if k.startswith("PENSIEVE_") and v[:1] != "$"})
        for each in given
    ]

    assert [settings.redis_url for settings in parsed] == ["redis://redis:6379/0"] * 3 + [""]


def test_secrets_that_lie_in_files_become_settings(tmp_path: Path) -> None:
    (tmp_path / "pensieve_api_key").write_text("sk-secret\n")
    (tmp_path / "other").write_text("x")
    said = subprocess.run(
        [COMPOSE / "entrypoint.sh", "env"], env={"SECRETS": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "PENSIEVE_API_KEY=sk-secret" in said.stdout.splitlines()
    assert "OTHER" not in said.stdout


def test_the_image_is_made_from_files_that_are_here() -> None:
    copies = [line.split()[1:-1] for line in (COMPOSE / "Dockerfile").read_text().splitlines() if line[:5] == "COPY "]
    named = [word for words in copies for word in words if not word.startswith(("--", "/"))]
    allowed = [line[1:] for line in (COMPOSE / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"]

    assert [name for name in [*named, *allowed] if not (CHECKOUT / name).exists()] == []
    assert {*INPUTS, "deploy/bootstrap.py"} < set(named)
    assert set(allowed) >= {"api", "workers", "queue_config", "models", "deploy", "pyproject.toml"}


@pytest.mark.skipif(not (NGINX and shutil.which("openssl")), reason="no nginx or no openssl here")
def test_nginx_takes_its_file(tmp_path: Path) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        [*made, "-subj", "/CN=x", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    shown = (EXAMPLES / "nginx/pensieve.conf").read_text().replace("/etc/ssl/pensieve", str(tmp_path))
    folders = "".join(f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {folders} {shown} }}"
    )
    said = subprocess.run(
        [str(NGINX), "-t", "-e", "stderr", "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert said.returncode == 0, said.stderr


@pytest.mark.skipif(not shutil.which("caddy"), reason="no Caddy here")
def test_caddy_takes_its_file(tmp_path: Path) -> None:
    said = subprocess.run(
        ["caddy", "adapt", "--adapter", "caddyfile", "--config", EXAMPLES / "caddy/Caddyfile"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert said.returncode == 0, said.stderr
    assert '"flush_interval":-1' in said.stdout


def test_no_proxy_is_less_patient_than_the_service() -> None:
    shown = (EXAMPLES / "nginx/pensieve.conf").read_text()
    patience_s, body_mb = re.search(r"proxy_read_timeout (\d+)s;", shown), re.search(r"max_body_size (\d+)m;", shown)
    caddys_mb = re.search(r"max_size (\d+)MB", (EXAMPLES / "caddy/Caddyfile").read_text())

    assert patience_s is not None
    assert int(patience_s[1]) > Settings().max_deadline_s
    assert [int(found[1]) * 1_000_000 for found in (body_mb, caddys_mb) if found] == [
        Settings().max_batch_body_bytes
    ] * 2
