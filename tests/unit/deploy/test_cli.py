"""The `pensieve` command: what it says, and how it exits."""

import fcntl
import json
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from deploy.cli import COMMANDS, main
from deploy.commands.generate import described
from deploy.commands.start import curl
from deploy.generation import Metrics
from deploy.running import Running
from queue_config.settings import Settings

ROOT = Path(__file__).parents[3]


def pensieve(*arguments: str, home: Path, **variables: str) -> Result:
    environ = dict.fromkeys(Settings().to_env()) | {"PENSIEVE_HOME": str(home)} | variables
    return CliRunner().invoke(main, arguments, env=environ)


def test_help_names_every_command_and_the_exit_codes(tmp_path: Path) -> None:
    result = pensieve("--help", home=tmp_path)

    assert result.exit_code == 0
    assert [name for name in COMMANDS if f"  {name} " not in result.output] == []
    assert "Exit codes:" in result.output


def test_help_imports_no_command_and_every_command_is_there() -> None:
    script = "import sys; from deploy.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    context = click.Context(main)

    assert "deploy.commands" not in done.stdout
    assert [name for name in COMMANDS if main.get_command(context, name) is None] == []


def test_an_unknown_command_is_a_mistake_of_usage(tmp_path: Path) -> None:
    assert pensieve("strat", home=tmp_path).exit_code == 2


@pytest.mark.parametrize(
    "command", ["start", "stop", "restart", "status", "logs", "pull", "models", "chat", "doctor", "bench"]
)
def test_an_unknown_setting_stops_every_command_with_its_name(command: str, tmp_path: Path) -> None:
    result = pensieve(command, home=tmp_path, PENSIEVE_PROT="7778")

    assert result.exit_code == 1
    assert result.output.startswith("Error: PENSIEVE_PROT is no setting")


def test_a_taken_port_is_one_sentence_and_leaves_nothing_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = pensieve("start", "--port", str(port), home=tmp_path)

    assert result.exit_code == 1
    assert result.output.startswith(f"Error: Port {port} on 127.0.0.1 is taken")
    assert pensieve("status", home=tmp_path).exit_code == 3


def test_a_model_that_is_not_here_is_one_sentence_with_the_way_to_get_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    result = pensieve(
        "start", "--port", port, "--model", "qwen3-8b-4bit", home=tmp_path, PENSIEVE_MODELS_DIR=str(tmp_path)
    )

    assert result.exit_code == 1
    assert "pensieve pull qwen3-8b-4bit" in result.output


def test_a_second_start_at_the_same_moment_is_refused(tmp_path: Path) -> None:

    with (tmp_path / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = pensieve("start", home=tmp_path)

    assert result.exit_code == 1
    assert "Another `pensieve start` is at work here" in result.output


def test_stopping_what_does_not_run_is_harmless(tmp_path: Path) -> None:
    result = pensieve("stop", home=tmp_path)

    assert (result.exit_code, result.output) == (0, "Pensieve was not running.\n")


def test_restarting_what_was_never_started_is_one_sentence(tmp_path: Path) -> None:
    result = pensieve("restart", home=tmp_path)

    assert (result.exit_code, result.output) == (
        1,
        "Error: Nothing was ever started here; start it with `pensieve start`.\n",
    )


def test_logs_of_all_processes_are_one_by_time(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for name, minute in (("api", 2), ("worker", 1)):
        line = {"time": f"2026-11-22T05:0{minute}:00.000+00:00", "level": "info", "message": f"from {name}"}
        (tmp_path / f"logs/{name}.log").write_text(json.dumps(line) + "\n")
    shown, for_programs = pensieve("logs", home=tmp_path), pensieve("logs", "worker", "--json", home=tmp_path)

    assert shown.output == "worker     05:01:00.000 INFO    from worker\napi        05:02:00.000 INFO    from api\n"
    assert json.loads(for_programs.output)["process"] == "worker"


def test_the_status_of_nothing_has_a_code_of_its_own(tmp_path: Path) -> None:
    result = pensieve("status", "--json", home=tmp_path)

    assert (result.exit_code, json.loads(result.output)) == (3, {"running": False, "ready": False})


def test_a_benchmark_needs_a_service(tmp_path: Path) -> None:
    result = pensieve("bench", home=tmp_path)

    assert result.exit_code == 1
    assert "pensieve start" in result.output


def test_logs_of_all_processes_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/api.log").write_text("one\ntwo\n")
    (tmp_path / "logs/worker.log").write_text("three\n")
    result = pensieve("logs", "-n", "1", home=tmp_path)

    assert [line.split() for line in result.output.splitlines()] == [["api", "two"], ["worker", "three"]]


def test_the_catalogue_lists_names_to_pull(tmp_path: Path) -> None:
    result = pensieve("models", home=tmp_path, PENSIEVE_MODELS_DIR=str(tmp_path))

    assert "smollm2-135m-instruct" in result.output


def test_the_curl_line_survives_the_shell() -> None:
    words = shlex.split(curl(Running("0.0.0.0", 7777, "x", worker=True, model_name="it's"), Settings()))

    assert words[2] == "http://127.0.0.1:7777/v1/messages"
    assert json.loads(words[-1])["model"] == "it's"


def test_the_curl_line_leaves_the_key_to_the_shell() -> None:
    line = curl(Running("127.0.0.1", 7777, "x", worker=True, model_name="x"), Settings(api_key="sk-secret"))

    assert "sk-secret" not in line
    assert '"x-api-key: $PENSIEVE_API_KEY"' in line


def test_metrics_are_one_line() -> None:
    metrics = Metrics(1.5, 36, 11, 0.25, 2.0, "end_turn")

    assert described(metrics) == (
        "load 1.50 s · prompt 36 tokens · first token after 0.25 s · 11 tokens · 5.0 tokens/s · ended by end_turn"
    )


def options_of(command: click.Command, name: str) -> set[tuple[str, str]]:
    """(command, its long option) for it and all below it."""
    if isinstance(command, click.Group):
        parts = command.commands.items()
        return {found for part, below in parts for found in options_of(below, f"{name} {part}")}
    longest = (max(option.opts, key=len) for option in command.params if isinstance(option, click.Option))
    return {(name, option) for option in longest}


def test_the_manual_has_every_command_and_option() -> None:
    rows = (ROOT / "docs/COMMAND.md").read_text().splitlines()
    context = click.Context(main)
    commands = {name: main.get_command(context, name) for name in COMMANDS}
    options = {found for name, command in commands.items() if command for found in options_of(command, name)}

    missing = [
        (name, option)
        for name, option in sorted(options)
        if not name.startswith("keys ")
        and not any(f"`pensieve {name.removesuffix(' list')}`" in row and f"`{option}`" in row for row in rows)
    ]
    assert missing == []
    assert [name for name in COMMANDS if not any(row.startswith(f"| `pensieve {name}`") for row in rows)] == []
