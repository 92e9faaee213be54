"""A real Chromium, headless: found on this machine, or installed where that is allowed."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
INSTALL_TIMEOUT_S = 240


def find() -> str | None:
    return next((path for name in (*NAMES, MAC) if (path := shutil.which(name))), None)


def executable() -> str:
    """Its path; skips the test where there is none and none can be installed."""
    if found := find():
        return found
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip("there is no Chromium here, and only root of a Debian can have it installed")
    with (Path(tempfile.gettempdir()) / "pensieve-chromium.lock").open("w") as lock:
        # Several test processes may want it at once, and apt-get serves one.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return find() or _install()


def _install() -> str:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", "-qq", *words],
            env=quiet,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"apt-get can't install Chromium: {done.stderr.strip()[-200:]}")
    return find() or pytest.fail("Chromium was installed, but is not to be found")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Without a profile of anybody's: what it keeps is gone with it."""
    path = executable()
    with tempfile.TemporaryDirectory(prefix="pensieve-chromium-") as home, sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=path, args=[*FLAGS], env={**os.environ, "HOME": str(Path(home))}, headless=True
        )
