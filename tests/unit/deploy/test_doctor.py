"""`pensieve doctor` names each fault, with its remedy."""

import json
import socket
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import CliRunner

from deploy.cli import main
from deploy.doctor import machine, model, service, store
from deploy.doctor.examine import examine
from deploy.doctor.finding import Finding
from deploy.health import Answer, Health
from deploy.places import places
from deploy.redis_check import require_redis
from deploy.running import Running, remember
from deploy.supervisor_client import Process
from models.errors import ModelRefused
from models.resolve import ModelSpec
from models.weights_header import check_weights, unpacked_numbers
from queue_config import keys
from queue_config.connection import connect
from queue_config.lease import Leases, WorkerStatus
from queue_config.settings import Settings
from tests.support.redis_server import RedisServer

GB = 1_000_000_000
SPEC = ModelSpec("small", Path(), 2048, "chatml", 2 * GB, "4-bit")
ALIVE = WorkerStatus(
    name="gpu0.1-2", model="small", device="cpu", pid=1, waiting=0, running=0, slots=8, engine_age_s=0.1
)
WORKER = Process("worker", "RUNNING", 5, 60)


def judged(finding: Finding) -> tuple[str, str]:
    """Its name and level; a fault without a remedy is none."""
    assert bool(finding.remedy) == (finding.level != "ok")
    return finding.name, finding.level


def a_model(folder: Path, *, torn: bool = False, bits: int | None = None) -> Path:
    """A folder with weights of four packed numbers, or of four real ones."""
    dtype, size = ("U32", 16) if bits else ("F32", 16)
    tensors = {"w.weight": {"dtype": dtype, "shape": [4], "data_offsets": [0, size]}}
    header = json.dumps({"__metadata__": {"format": "mlx"}, **tensors}).encode()
    folder.mkdir(parents=True)
    content = struct.pack("<Q", len(header)) + header + bytes(size)
    (folder / "model.safetensors").write_bytes(content[:-1] if torn else content)
    config = {"max_position_embeddings": 64} | ({"quantization": {"bits": bits}} if bits else {})
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = service.address("127.0.0.1", port)
    free = service.address("127.0.0.1", port)

    assert [judged(taken), judged(free)] == [("address", "bad"), ("address", "ok")]
    assert f"Port {port}" in taken.remedy


def test_a_redis_without_its_file_is_named_and_one_with_it_is_well() -> None:
    with RedisServer() as lax, RedisServer(durable=True) as safe:
        found = [store.durability(require_redis(server.url)) for server in (lax, safe)]
        with redis_py.Redis.from_url(safe.url) as admin:
            admin.config_set("maxmemory", 0)
        unbounded = store.durability(require_redis(safe.url))

    assert [judged(finding) for finding in (*found, unbounded)] == [
        ("redis", "bad"),
        ("redis", "ok"),
        ("redis", "warn"),
    ]
    assert "appendonly yes" in found[0].remedy


def test_a_redis_that_does_not_answer_is_named() -> None:
    found = store.reached("redis://127.0.0.1:1/0")

    assert isinstance(found, Finding)
    assert judged(found) == ("redis", "bad")


def test_missing_blas_is_named_only_where_it_is_needed() -> None:
    assert judged(machine.blas({"mlx-cpu"}, "linux")) == ("blas", "bad")
    assert judged(machine.blas(set(), "linux")) == ("blas", "ok")
    assert judged(machine.blas({"mlx-cpu"}, "darwin")) == ("blas", "ok")


def test_torn_weights_are_named_by_their_file(tmp_path: Path) -> None:
    whole, torn = a_model(tmp_path / "whole"), a_model(tmp_path / "torn", torn=True)
    check_weights(whole)

    with pytest.raises(ModelRefused, match=r"torn/model\.safetensors is torn"):
        check_weights(torn)


@pytest.mark.parametrize(("free_gb", "level"), [(1, "bad"), (5, "warn"), (50, "ok")])
def test_a_disk_that_is_nearly_full_is_named(free_gb: int, level: str, tmp_path: Path) -> None:
    assert judged(machine.disk(tmp_path, free_gb * GB)) == ("disk", level)


@pytest.mark.parametrize(
    ("version", "is_translated", "level"),
    [((3, 10, 14), False, "bad"), ((3, 12, 1), True, "bad"), ((3, 99, 0), False, "warn"), ((3, 11, 2), False, "ok")],
)
def test_the_wrong_python_is_named(version: tuple[int, ...], is_translated: bool, level: str) -> None:
    assert judged(machine.python(version, is_translated=is_translated)) == ("python", level)


@pytest.mark.parametrize(
    ("total_gb", "available_gb", "level"), [(2, 2, "bad"), (16, 1, "bad"), (16, None, "ok"), (16, 8, "ok")]
)
def test_a_model_that_does_not_fit_the_memory_is_named(total_gb: int, available_gb: int | None, level: str) -> None:
    available = None if available_gb is None else available_gb * GB
    found = model.fits(SPEC, model.Memory(total_gb * GB, available, unpacks=False))

    assert judged(found) == ("memory", level)


def test_on_a_cpu_a_model_counts_unpacked_where_there_is_room_for_that(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "packed", bits=4)
    spec = replace(SPEC, dir=folder, weights_bytes=16)
    # Four words of eight weights each, four bytes a weight.
    levels = [
        judged(model.fits(spec, model.Memory(total, free, unpacks=True)))
        for total, free in ((1000, 127), (1000, 128), (100, 100))
    ]

    own_bits = a_model(tmp_path / "own", bits=4)
    (own_bits / "config.json").write_text('{"quantization": {"bits": 4, "w": {"bits": 8}}}')

    assert unpacked_numbers(folder) == 32
    assert unpacked_numbers(own_bits) == 16
    assert unpacked_numbers(a_model(tmp_path / "plain")) == 4
    assert levels == [("memory", "bad"), ("memory", "ok"), ("memory", "warn")]


def test_a_stale_pid_is_named_and_living_leftovers_before_it(tmp_path: Path) -> None:
    pidfile = tmp_path / "supervisord.pid"
    nothing = service.leftovers(pidfile, [])
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pidfile.write_text(str(ended.pid))
    stale, alive = service.leftovers(pidfile, []), service.leftovers(pidfile, [77])

    assert [judged(finding) for finding in (nothing, stale, alive)] == [
        ("leftovers", "ok"),
        ("leftovers", "bad"),
        ("leftovers", "bad"),
    ]
    assert str(pidfile) in stale.what
    assert "77" in alive.what


def test_a_dead_worker_is_named(redis: redis_py.Redis, redis_url: str) -> None:
    with connect(redis_url) as client:
        leases = Leases(client)
        leases.enrol(ALIVE)
        well = service.worker("small", [WORKER], leases.live(), leases.missing())
        client.delete(keys.lease(ALIVE.name))
        dead = service.worker("small", [WORKER], leases.live(), leases.missing())

    assert (judged(well), judged(dead)) == (("worker", "ok"), ("worker", "bad"))
    assert ALIVE.name in dead.what


def test_a_worker_that_fails_at_every_start_is_named_and_one_that_never_came() -> None:
    failing = service.worker("small", [replace(WORKER, state="BACKOFF")], [], [])

    assert (judged(failing), failing.what) == (
        ("worker", "bad"),
        "the worker process is backoff: it ends soon after each start",
    )
    assert service.worker("small", [WORKER], [replace(ALIVE, model="other")], []).what == (
        "no worker with small is alive"
    )


@pytest.mark.parametrize(
    ("skew_s", "said"),
    [(0.5, "agree"), (30.0, "30 s ahead of Redis"), (-30.0, "30 s behind Redis")],
)
def test_a_clock_that_disagrees_with_redis_s_is_named(skew_s: float, said: str) -> None:
    found = store.clock(1000.0, 1000.0 + skew_s)

    assert judged(found) == ("clock", "ok" if said == "agree" else "bad")
    assert said in found.what


def test_mlx_that_breaks_and_mlx_that_is_not_there_are_told_apart() -> None:
    assert judged(machine.mlx("libcuda.so.1 is missing")) == ("mlx", "bad")
    assert judged(machine.mlx(None)) == ("mlx", "warn")
    assert judged(machine.mlx(machine.Device(True, "gpu", GB))) == ("mlx", "ok")


def test_a_service_that_is_not_ready_is_named_with_its_reason() -> None:
    running = Running("127.0.0.1", 7777, "small", worker=True)

    assert service.answers(running, Answer(Health.NOT_READY, "no lease")).what == (
        "Pensieve at http://127.0.0.1:7777 is not ready: no lease"
    )
    assert judged(service.answers(running, Answer(Health.READY))) == ("address", "ok")


def test_several_faults_at_once_are_all_found(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "mlx_device", lambda: machine.Device(False, "cpu", 0))
    where = places(tmp_path)
    remember(Running("127.0.0.1", 7777, "small", worker=True), where)
    where.supervisor_pidfile.write_text("1")
    a_model(tmp_path / "models/broken", torn=True)
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = Settings(
            home=tmp_path,
            port=other.getsockname()[1],
            model="broken",
            models_dir=tmp_path / "models",
            redis_url=redis_url,
        )
        findings = list(examine(settings))

    levels = {finding.name: finding.level for finding in findings}
    assert {name for name, level in levels.items() if level == "bad"} >= {"model", "leftovers", "address", "redis"}
    assert (levels["python"], levels["mlx"], levels["clock"]) == ("ok", "ok", "ok")


def test_a_program_gets_the_findings_as_one_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "mlx_device", lambda: None)
    environ = dict.fromkeys(Settings().to_env()) | {
        "PENSIEVE_HOME": str(tmp_path),
        "PENSIEVE_REDIS_URL": "redis://127.0.0.1:1",
    }
    result = CliRunner().invoke(main, ["doctor", "--json"], env=environ)
    report = json.loads(result.output)

    assert (result.exit_code, report["ok"]) == (1, False)
    assert {finding["name"]: finding["level"] for finding in report["findings"]}["redis"] == "bad"
