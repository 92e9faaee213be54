"""`make lock` writes deploy/lock.txt: the checksums of all files of the pinned versions, and who needs them."""

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.markers import Marker

from deploy.bootstrap import CHECKOUT, CONSTRAINTS, CORE, LOCK, TEMPLATES, TOOLS

HEAD = """\
# What `make setup` installs, from whichever index: `make lock` writes it, docs/decisions/0022 says why. Each package is
# headed by the extras that need it. Names, versions and SHA-256 of files only.
"""
BUILD = ("hatchling", "editables")
"""What installing this checkout itself needs."""
SYSTEMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("darwin", "x86_64"))
PYTHONS = tuple(f"3.{minor}.{patch}" for minor in (11, 12, 13, 14) for patch in (0, 9))


def main() -> None:
    """Asks the index that uv is configured for, else PyPI."""
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        extras = list(tomllib.load(file)["project"]["optional-dependencies"])
    with tempfile.TemporaryDirectory() as folder:
        tools, templates = Path(folder, "tools.in"), Path(folder, "templates.in")
        tools.write_text("\n".join(BUILD))
        # Its code isn't run, and what it needs isn't wanted: see bootstrap.
        templates.write_text("guidance")
        sources = {CORE: ["pyproject.toml"], TOOLS: [str(tools)], TEMPLATES: ["--no-deps", str(templates)]}
        sources |= {extra: ["--extra", extra, "pyproject.toml"] for extra in extras}
        found = {group: blocks(compiled(source)) for group, source in sources.items()}
    LOCK.write_text(HEAD + merged(found))


def compiled(words: list[str]) -> str:
    """What uv makes of these sources: `name==version ; marker`, each with the hashes of all its files."""
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-header"]
    uv = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-emit-index-url", *options]
    found = subprocess.run([*uv, "-c", str(CONSTRAINTS), *words], cwd=CHECKOUT, stdout=subprocess.PIPE, check=True)
    return found.stdout.decode()


def blocks(text: str) -> dict[str, str]:
    """By requirement, the hashes of its files as pip reads them. What is for other systems than ours is left out."""
    found: dict[str, list[str]] = {}
    requirement = ""
    for line in text.splitlines():
        words = line.removesuffix(" \\")
        if words.startswith("    --hash="):
            found[requirement].append(words)
        elif words and not words.startswith("#"):
            requirement = words
            found[requirement] = []
    ours = {where_ours(name): " \\\n".join(hashes) for name, hashes in found.items()}
    return {name: hashes for name, hashes in ours.items() if name}


def where_ours(requirement: str) -> str:
    """Without a marker that holds on all of our machines; empty where it holds on none."""
    name, _, marker = requirement.partition(" ; ")
    holds = {not marker or Marker(marker).evaluate(machine) for machine in machines()}
    return requirement if len(holds) > 1 else name if True in holds else ""


def machines() -> Iterator[dict[str, str]]:
    """In the words of markers."""
    for system, machine in SYSTEMS:
        for python in PYTHONS:
            versions = {"python_version": python.rpartition(".")[0], "python_full_version": python}
            yield {"sys_platform": system, "platform_machine": machine, **versions}


def merged(found: dict[str, dict[str, str]]) -> str:
    """One block for each requirement; what everybody needs is nobody's in particular."""
    lines = []
    for requirement in sorted({requirement for group in found.values() for requirement in group}):
        groups = [group for group, members in found.items() if requirement in members]
        hashes = found[groups[0]][requirement]
        lines.append(f"# {CORE if CORE in groups else ' '.join(groups)}\n{requirement} \\\n{hashes}\n")
    return "".join(lines)


if __name__ == "__main__":
    main()
