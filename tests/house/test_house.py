"""The rules of the house that no linter has."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from rq.utils import import_attribute

from queue_config.job_queue import TASK

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "workers", "queue_config", "models", "deploy")
MAX_LINES = 300


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", [*sources()], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_file_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()

    assert text.count("\n") <= MAX_LINES
    assert ast.get_docstring(ast.parse(text)), "start the file with one sentence on its purpose"


def test_redis_names_are_spelt_in_one_file() -> None:
    spelling = [p.relative_to(ROOT).as_posix() for p in sources() if '"pensieve:' in p.read_text()]

    assert spelling == ["queue_config/keys.py"]


def test_nothing_unpickles() -> None:
    banned = {"pickle", "marshal", "dill", "shelve", "torch"}
    imported = {
        (path.relative_to(ROOT).as_posix(), alias.name)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in ([ast.alias(node.module or "")] if isinstance(node, ast.ImportFrom) else node.names)
    }

    assert [(path, name) for path, name in imported if name.partition(".")[0] in banned] == []


def test_the_task_that_rq_stores_can_be_imported_and_refuses_to_run() -> None:
    task = import_attribute(TASK)

    with pytest.raises(RuntimeError, match="python -m workers"):
        task("{}")
