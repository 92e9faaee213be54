"""The command and the numbers, with a service that computes."""

import json
import subprocess
import urllib.request

import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.support.service import PENSIEVE, Service


def test_a_chat_from_a_pipe_is_answered_and_counted(service: Service) -> None:
    told = subprocess.run(
        [PENSIEVE, "chat", "--max-tokens", "8", "--temperature", "0"],
        env=service.environ, input="Say hello.\nAgain.\n", capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    with urllib.request.urlopen(f"{service.url}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
    samples = {sample.name: sample.value for family in families for sample in family.samples}

    assert len(told.stdout.splitlines()) >= 2
    assert samples["pensieve_decode_tokens_total"] >= 2
    assert samples["pensieve_weights_bytes"] > 100_000_000
    assert samples["pensieve_device_memory_bytes"] >= samples["pensieve_weights_bytes"]


def test_the_status_shows_the_worker_and_its_memory(service: Service) -> None:
    screen, report = service.command("status"), json.loads(service.command("status", "--json").stdout)
    (worker,) = report["workers"]

    assert (screen.returncode, report["ready"]) == (0, True)
    assert worker["slot_id"] in screen.stdout
    assert {process["name"] for process in report["processes"]} == {"redis", "api", "worker"}
    assert min(process["resident_bytes"] for process in report["processes"]) > 1_000_000


def test_the_doctor_finds_a_running_service_well(service: Service) -> None:
    report = json.loads(service.command("doctor", "--json").stdout)
    levels = {finding["name"]: finding["level"] for finding in report["findings"]}

    assert {levels[name] for name in ("python", "mlx", "model", "address", "redis", "clock", "worker")} == {"ok"}


def test_the_api_is_small(service: Service) -> None:
    gunicorn = psutil.Process(service.pid("api"))
    largest_bytes = max(process.memory_info().rss for process in (gunicorn, *gunicorn.children()))

    assert 50_000_000 < largest_bytes < 120_000_000
