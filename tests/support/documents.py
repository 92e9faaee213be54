"""The project's documents: their text, and the commands and programs that they show."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`((?:\.venv/bin/)?(?:pensieve|make|python -m) [^`]+)`")
_OPERATORS = frozenset({"&&", "||", "|", ";", "&", "(", ")"})
_ASSIGNMENT = re.compile(r"\w+=")


Words = tuple[str, ...]
"""Of one simple command, without the variables that are set for it and without comments."""


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])


def guides() -> list[Path]:
    """Those that tell people what to type; decisions tell of the past."""
    return [path for path in documents() if "decisions" not in path.parts]


def fenced(path: Path, *languages: str) -> list[str]:
    """The blocks of code in these languages; "" is for those that name none."""
    blocks = [(found["language"], found["indent"], found["text"]) for found in _FENCE.finditer(path.read_text())]
    return [re.sub(f"^{indent}", "", text, flags=re.MULTILINE) for name, indent, text in blocks if name in languages]


def shell_commands(path: Path) -> list[Words]:
    """Every command in a block for the shell, and those behind a prompt in blocks that show answers too."""
    lines = [line for block in fenced(path, "sh") for line in _whole_lines(block)]
    lines += [line.removeprefix("$ ") for block in fenced(path, "") for line in _whole_lines(block, prompt="$ ")]
    return [words for line in lines for words in split(line)]


def inline_commands(path: Path) -> list[Words]:
    """What sentences and tables name. Words in capitals stand for something."""
    text = _FENCE.sub("", path.read_text())
    return [words for line in _INLINE.findall(text) for words in split(line)]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def split(line: str) -> Iterator[Words]:
    """A line's simple commands, those in $(...) among them."""
    for inner in re.findall(r"\$\(([^()]*)\)", line):
        yield from split(inner)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _OPERATORS:
            words.append(word)
            continue
        while words and _ASSIGNMENT.match(words[0]):
            words.pop(0)
        if words:
            yield tuple(words)
        words = []


def _whole_lines(block: str, prompt: str = "") -> Iterator[str]:
    """Lines that begin with the prompt, each with what continues it."""
    rest = ""
    for line in block.splitlines():
        if not rest and not line.startswith(prompt):
            continue
        rest += line + "\n"
        if rest.endswith("\\\n") or not _is_closed(rest):
            continue
        yield rest.replace("\\\n", " ").strip()
        rest = ""


def _is_closed(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True
