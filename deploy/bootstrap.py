"""Make .venv and install Pensieve into it: standard library only, run by the system's Python."""

import argparse
import hashlib
import json
import platform
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from deploy.mlx_build import CHOICES, NoBuild, choose, probe  # noqa: E402 - the checkout isn't installed yet

VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin/python"
STAMP = VENV / "pensieve-setup.json"
LOG = VENV / "setup.log"
CHOSEN = VENV / "pensieve-requirements.txt"
REPORT_INTERVAL_S = 5
INPUTS = ("pyproject.toml", "deploy/constraints.txt", "deploy/lock.txt")
CONSTRAINTS, LOCK = CHECKOUT / INPUTS[1], CHECKOUT / INPUTS[2]
CORE, TOOLS, TEMPLATES = "everybody", "setup", "templates"
"""Who needs a package, besides the extras of pyproject.toml: all, installing this checkout, and tests that read
`guidance`'s chat templates; its code isn't run, and wants an older llguidance."""


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    try:
        before = _installed()
        mlx = _wanted_mlx(options.mlx, before)
        dev = options.dev or bool(before.get("dev"))
        asked = options.mlx or before.get("asked", "")
        # Scripts in a .venv name its path, so one that was moved or copied is made anew.
        base = {"checkout": str(CHECKOUT), "python": sys.version, "mlx": mlx}
        wanted = {**base, "inputs": digest(CHECKOUT), "asked": asked, "dev": dev}
        if before == wanted and PYTHON.exists():
            return 0
        # Builds of MLX overwrite each other's files, so another one too starts from an empty .venv.
        _install(mlx, dev=dev, fresh=not base.items() <= before.items(), checked=options.hashes != "no")
    except (NoBuild, StepFailed) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    STAMP.write_text(json.dumps(wanted))
    return 0


class StepFailed(Exception):
    """One sentence on what went wrong and where to read more."""


def digest(checkout: Path) -> str:
    """Changes whenever what is to be installed does."""
    return hashlib.sha256(b"\0".join((checkout / name).read_bytes() for name in INPUTS)).hexdigest()


def requirement(mlx: str, *, dev: bool) -> str:
    """What pip is asked for: this checkout with the extras that fit."""
    extras = [extra for extra in (mlx if mlx != "none" else "", "dev" if dev else "") if extra]
    return f".[{','.join(extras)}]" if extras else "."


def locked(lock: str, groups: set[str]) -> str:
    """The part of the lock that these need, which pip can read; each package is headed by who needs it."""
    chosen, is_wanted = [], False
    for line in lock.splitlines(keepends=True):
        if line.startswith("# "):
            is_wanted = not groups.isdisjoint(line[2:].split())
        elif is_wanted:
            chosen.append(line)
    return "".join(chosen)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deploy/bootstrap.py", description=__doc__)
    parser.add_argument("--mlx", default="", choices=["", *CHOICES], help="default: the last choice, else auto")
    parser.add_argument("--dev", action="store_true", help="also what the tests and linters need")
    parser.add_argument(
        "--hashes", default="", choices=["", "yes", "no"], help="no: take other files of the pinned versions too"
    )
    return parser.parse_args(arguments)


def _installed() -> dict[str, object]:
    """What the last finished run put into .venv; empty if none finished."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _wanted_mlx(asked: str, before: dict[str, object]) -> str:
    # Somebody who once said MLX=none (or another build) means it until they say otherwise.
    asked = asked or str(before.get("asked", "")) or "auto"
    return choose(probe()) if asked == "auto" else asked


def _install(mlx: str, *, dev: bool, fresh: bool, checked: bool) -> None:
    what = "the API alone, without MLX" if mlx == "none" else f"MLX for {mlx}"
    print(f"Setting up .venv: Python {platform.python_version()}, {what}{', developer tools' if dev else ''}.")
    STAMP.unlink(missing_ok=True)
    if fresh or not PYTHON.exists():
        _timed("making .venv", lambda: venv.EnvBuilder(clear=True, symlinks=True, with_pip=True).create(VENV))
    for step, words in (_checked_steps if checked else _unchecked_steps)(mlx, dev=dev):
        # Python compiles what it imports; compiling all of every package up front takes a third of the whole set-up.
        quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-compile"]
        _timed(step, partial(_follow, [str(PYTHON), "-m", "pip", "install", *quiet, *words]))


def _checked_steps(mlx: str, *, dev: bool) -> list[tuple[str, list[str]]]:
    """Every file must be one that was there when the lock was made, whoever it is downloaded from."""
    groups = {CORE, TOOLS, mlx, *(("dev", TEMPLATES) if dev else ())}
    CHOSEN.write_text(locked(LOCK.read_text(), groups))
    # All is chosen already, so pip need not look for what goes together.
    ours = ["--no-deps", "--no-build-isolation", "-e", "."]
    packages = ["--require-hashes", "--no-deps", "-r", str(CHOSEN)]
    return [("installing packages", packages), ("installing Pensieve itself", ours)]


def _unchecked_steps(mlx: str, *, dev: bool) -> list[tuple[str, list[str]]]:
    pinned = ["-c", str(CONSTRAINTS)]
    steps = [("installing packages", [*pinned, "-e", requirement(mlx, dev=dev)])]
    return [*steps, ("installing chat templates for the tests", [*pinned, "--no-deps", "guidance"])] if dev else steps


def _timed(step: str, work: Callable[[], object]) -> None:
    started = time.monotonic()
    print(f"  {step} ...", flush=True)
    try:
        work()
    except (OSError, subprocess.CalledProcessError) as error:
        raise StepFailed(f"Setup failed while {step}: {error}") from error
    print(f"  {step}: {time.monotonic() - started:.0f} s", flush=True)


def _follow(command: list[str]) -> None:
    """Run pip, its whole output into the log, and say every few seconds what it is doing."""
    started = said = time.monotonic()
    with LOG.open("w") as log:
        pip = subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT)
        while pip.poll() is None:
            time.sleep(0.2)
            if time.monotonic() - said >= REPORT_INTERVAL_S:
                said = time.monotonic()
                print(f"    {said - started:3.0f} s  {latest(LOG.read_text(), activity) or 'pip starts'}", flush=True)
    if pip.returncode != 0:
        raise StepFailed(
            f"Setup failed while installing packages: {latest(LOG.read_text(), complaint) or 'pip stopped'}. "
            f"The whole output is in {LOG.relative_to(CHECKOUT)}; with the cause mended, run the same command again."
        )


def latest(output: str, read: Callable[[str], str]) -> str:
    """What `read` makes of the last line that it makes something of."""
    return next(filter(None, map(read, reversed(output.splitlines()))), "")


def complaint(line: str) -> str:
    """The message of one of pip's error lines, or nothing."""
    return line.removeprefix("ERROR:").strip().rstrip(".") if line.startswith("ERROR:") else ""


def activity(line: str) -> str:
    """What one line of pip's output says is going on, or nothing."""
    words = line.split()
    if words[:1] == ["Collecting"]:
        return f"finding {words[1]}"
    if words[:1] == ["Downloading"]:
        name, version = [*words[1].rsplit("/", 1)[-1].split("-"), ""][:2]
        return " ".join(["downloading", name, version, *words[2:]])
    if line.startswith("Installing collected packages"):
        return f"unpacking {line.count(',') + 1} packages"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
