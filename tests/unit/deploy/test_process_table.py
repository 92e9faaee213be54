"""Finding this service's processes without a supervisor."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy import process_table
from deploy.places import Places, places
from deploy.process_table import end, ours
from deploy.supervision import marked_python


@contextmanager
def left_behind(where: Places, code: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*marked_python(where), "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


SLEEP = "import time; print(flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


def test_only_this_service_s_processes_are_found(tmp_path: Path) -> None:
    mine, other = places(tmp_path / "mine"), places(tmp_path / "other")
    with left_behind(mine, SLEEP) as one, left_behind(other, SLEEP) as two:
        found = (ours(mine), ours(other))

        assert found == ([one.pid], [two.pid])


@pytest.mark.skipif(not shutil.which("ps"), reason="a machine without ps")
def test_ps_finds_them_where_there_is_no_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = places(tmp_path / "a b")
    monkeypatch.setattr(process_table, "PROC", tmp_path / "no-such-folder")
    with left_behind(where, SLEEP) as process:
        assert ours(where) == [process.pid]


def test_what_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    where = places(tmp_path)
    with left_behind(where, DEAF) as process:
        ended = end(where, patience_s=0.3)

        assert ended == [process.pid]
        assert ours(where) == []


def test_a_zombie_does_not_count(tmp_path: Path) -> None:
    where = places(tmp_path)
    with left_behind(where, "print(flush=True)") as process:
        while ours(where):
            time.sleep(0.01)

        assert process.returncode is None
