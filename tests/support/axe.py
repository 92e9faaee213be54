"""axe-core, which finds what keeps people from using a page; fetched from npm once."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

VERSION = "4.14.1"
CACHE = Path.home() / ".cache" / "pensieve" / f"npm-axe-{VERSION}"
GRAVE = {"serious", "critical"}


def source() -> str:
    """Its script; skips the test where it can't be had."""
    script = CACHE / "node_modules/axe-core/axe.min.js"
    if not script.exists():
        npm = shutil.which("npm") or pytest.skip("there is no npm here")
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--prefix", str(CACHE), "--no-audit", "--no-fund", "--silent", f"axe-core@{VERSION}"]
        installed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if installed.returncode:
            pytest.skip(f"npm can't install axe-core: {installed.stderr.strip()[-200:]}")
    return script.read_text()


def grave_findings(page: Page, script: str) -> list[str]:
    """What is serious or worse, each with the places where it was found."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(script)
    found: dict[str, Any] = page.evaluate("() => axe.run({resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {[node['html'][:120] for node in violation['nodes']]}"
        for violation in found["violations"]
        if violation["impact"] in GRAVE
    ]
