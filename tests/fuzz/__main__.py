"""`python -m tests.fuzz [TARGET...] [--seconds N]`: each target in a process of its own, for its part of the time.

What was found interesting is kept in `.fuzz`, and the next run goes on from there. So is whatever fails.
"""

import argparse
import subprocess
import sys
from pathlib import Path

NAMES = ("requests", "resumes", "answers", "commands", "gguf", "safetensors", "keys")
KEPT = Path(".fuzz")
SLOW_S = 10
"""One input that takes longer is a finding, too."""
_PACKAGES = ["api", "models", "queue_config"]


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("targets", nargs="*", choices=[[], *NAMES], metavar="TARGET", help=", ".join(NAMES))
    arguments.add_argument("--seconds", type=int, default=60, help="for all targets together (60)")
    arguments.add_argument("--one", choices=NAMES, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one:
        _fuzz(given.one, given.seconds)
    names = given.targets or NAMES
    failed = [name for name in names if _run(name, max(1, given.seconds // len(names)))]
    sys.stdout.write(f"fuzzed {', '.join(names)}: {'findings in ' + ', '.join(failed) if failed else 'no findings'}\n")
    return 1 if failed else 0


def _run(name: str, seconds: int) -> int:
    sys.stdout.write(f"{name}, {seconds} s\n")
    sys.stdout.flush()
    command = [sys.executable, "-m", "tests.fuzz", "--one", name, "--seconds", str(seconds)]
    return subprocess.run(command, check=False).returncode


def _fuzz(name: str, seconds: int) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris  # noqa: PLC0415 - an extra, for Linux alone

    with atheris.instrument_imports(include=_PACKAGES):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - what is imported here is watched

    target, corpus = TARGETS[name], KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={SLOW_S}",
        "-rss_limit_mb=2048",
        "-max_len=16384",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    atheris.Setup([name, str(corpus), f"-artifact_prefix={KEPT}/{name}-", *options], target.read)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
