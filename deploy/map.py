"""The map of the code: every file with the first line of its docstring."""

import ast
from collections.abc import Iterator
from pathlib import Path

from queue_config.settings import CHECKOUT

PACKAGES = ("api", "workers", "queue_config", "models", "deploy", "tests")


def purposes(checkout: Path) -> Iterator[tuple[str, str]]:
    """(path, first line) of each Python file that holds anything; the line is empty where it says nothing."""
    for package in PACKAGES:
        for path in sorted((checkout / package).rglob("*.py")):
            code = path.read_text(encoding="utf-8")
            if not code:
                continue
            docstring = ast.get_docstring(ast.parse(code)) or ""
            yield path.relative_to(checkout).as_posix(), docstring.partition("\n")[0]


def main() -> None:
    found = list(purposes(CHECKOUT))
    width = max(len(path) for path, _ in found)
    for path, purpose in found:
        print(f"{path:{width}}  {purpose}")


if __name__ == "__main__":
    main()
