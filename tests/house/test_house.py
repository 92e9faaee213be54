"""The rules of the house that no linter has."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from rq.serializers import JSONSerializer
from rq.utils import import_attribute

from queue_config.job_queue import TASK
from workers.rq_worker import PinnedWorker

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
    """But the one that shows that others don't; and what runs nowhere but in a test is read as well."""
    banned = {"pickle", "marshal", "dill", "shelve", "cloudpickle", "jsonpickle", "joblib", "torch"}
    imported = {
        (path.relative_to(ROOT).as_posix(), alias.name)
        for path in [*sources(), *(ROOT / "tests").rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in ([ast.alias(node.module or "")] if isinstance(node, ast.ImportFrom) else node.names)
    }
    found = {(path, name) for path, name in imported if name.partition(".")[0] in banned}

    assert found == {("tests/support/planted_pickle.py", "pickle")}


def test_whatever_rq_reads_or_writes_for_us_is_json() -> None:
    """Its classes take pickle where nobody names another serializer."""
    readers = {"Queue", "Job.fetch", "Job.fetch_many", "Job.create", "Worker", "SimpleWorker", "Result.fetch_latest"}
    calls = [
        (path.relative_to(ROOT).as_posix(), {word.arg: ast.unparse(word.value) for word in node.keywords})
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in readers
    ]

    assert {path for path, _ in calls} == {"queue_config/job_queue.py"}
    assert {words.get("serializer") for _, words in calls} == {"JSONSerializer"}
    assert PinnedWorker(["pensieve:echo:interactive"], "w", connection=Redis()).serializer is JSONSerializer


def test_the_task_that_rq_stores_can_be_imported_and_refuses_to_run() -> None:
    task = import_attribute(TASK)

    with pytest.raises(RuntimeError, match="python -m workers"):
        task("{}")
