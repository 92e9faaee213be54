"""What the documents tell people to type: each command is one that there is, with options that it has."""

import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from deploy.cli import main
from tests.support.documents import ROOT, Words, fenced, guides, inline_commands, name_of, shell_commands

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^\.PHONY: ([\w-]+)$", MAKEFILE, re.MULTILINE))
VARIABLES = {"MODEL", "ARGS"} | set(re.findall(r"^(\w+) \?=", MAKEFILE, re.MULTILINE))
STANDS_FOR_SOMETHING = re.compile(r"\[?[A-Z][A-Z_]*\]?|\.\.\.|…")

SYSTEMS_OWN = "every system's own"
NOT_OURS = {
    SYSTEMS_OWN: {"printf", "eval", "set", ".", "source", "cd", "cp", "mkdir", "cat", "install", "tar"},
    "changes the machine": {"useradd", "systemctl", "systemd-run", "openssl"},
    "is not on every machine": {"docker", "prometheus"},
    "gets something from the network": {"npm", "git"},
    "is RQ's": {".venv/bin/rq"},
}
"""First words of commands of which only what they name of ours is looked at, and why that is all."""


def wrong_with_what_is_ours(words: Words) -> str:
    """Files of this checkout that aren't there, and a command of ours among another one's words."""
    missing = [word for word in words if word.startswith(("deploy/", "docs/", "tests/")) and not (ROOT / word).exists()]
    inner = [at for at, word in enumerate(words) if word.endswith("bin/pensieve")]
    return ", ".join([*missing, *(wrong_with_pensieve(words[at + 1 :]) for at in inner)])


def wrong_with_make(words: Words) -> str:
    targets = {word for word in words if "=" not in word and not word.startswith("-")}
    variables = {word.partition("=")[0] for word in words if "=" in word}
    return ", ".join(sorted((targets - TARGETS) | (variables - VARIABLES)))


def wrong_with_pensieve(words: Words) -> str:
    """Read by the command itself, but not done."""
    command: click.Command = main
    context, rest = click.Context(main), [*words]
    try:
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None
            command, context = found, click.Context(found, info_name=name, parent=context)
        command.make_context(context.info_name, rest, parent=context.parent)
    except click.exceptions.NoArgsIsHelpError:
        return ""
    except click.MissingParameter as error:
        # Sentences leave out what stands for something; what has to be there is shown in blocks.
        return "" if len(words) < 3 else error.format_message()
    except click.UsageError as error:
        return error.format_message()
    return ""


def wrong_with_python(words: Words) -> str:
    """A module or a script of ours must have every option that is given to it."""
    if words[:1] != ("-m",):
        script, options = ROOT / (words or ("",))[0], words[1:]
        return wrong_options(script.read_text(), options) if script.is_file() else f"no file {script.name}"
    module, options = words[1], words[2:]
    try:
        spec = find_spec(f"{module}.__main__") or find_spec(module)
    except ModuleNotFoundError:
        spec = find_spec(module)
    if spec is None or spec.origin is None:
        return f"no module {module}"
    origin = Path(spec.origin)
    files = origin.parent.glob("*.py") if origin.name == "__main__.py" else [origin]
    source = "".join(path.read_text() for path in files)
    return wrong_options(source, options)


def wrong_options(source: str, options: Words) -> str:
    return ", ".join(word for word in options if word.startswith("--") and f'"{word}"' not in source)


CHECKS: dict[str, Callable[[Words], str]] = {
    "make": wrong_with_make,
    "pensieve": wrong_with_pensieve,
    ".venv/bin/pensieve": wrong_with_pensieve,
    "python": wrong_with_python,
    "python3": wrong_with_python,
    ".venv/bin/python": wrong_with_python,
    # tests/integration/api/test_manual.py sends what it sends.
    "curl": lambda _: "",
    **{word: wrong_with_what_is_ours for words in NOT_OURS.values() for word in words},
}


def wrong(commands: list[Words]) -> Iterator[tuple[str, str]]:
    """Commands, and what is wrong with them."""
    for first, *rest in commands:
        words = tuple(word for word in rest if not STANDS_FOR_SOMETHING.fullmatch(word))
        why = CHECKS[first](words) if first in CHECKS else "nothing checks it; if nothing can, say why in NOT_OURS"
        if why:
            yield " ".join([first, *rest]), why


@pytest.mark.parametrize("path", guides(), ids=name_of)
def test_every_command_in_a_guide_can_be_given(path: Path) -> None:
    assert list(wrong(shell_commands(path))) == []
    assert list(wrong(inline_commands(path))) == []


def test_every_program_of_others_is_still_needed() -> None:
    first_words = {words[0] for path in guides() for words in shell_commands(path) + inline_commands(path)}
    others = {word for why, words in NOT_OURS.items() if why != SYSTEMS_OWN for word in words}

    assert sorted(others - first_words) == []


@pytest.mark.parametrize("path", guides(), ids=name_of)
def test_every_program_in_a_guide_is_one_and_what_it_imports_can_be_had(path: Path) -> None:
    programs = fenced(path, "python")
    for program in programs:
        compile(program, name_of(path), "exec")
    imported = re.findall(r"^(?:from|import) (\w+)", "\n".join(programs), re.MULTILINE)

    assert [name for name in imported if find_spec(name) is None] == []


def test_mistakes_in_documents_are_found() -> None:
    mistaken: list[Words] = [
        ("make", "upp"),
        ("make", "bench", "MODLE=x"),
        ("pensieve", "strat"),
        ("pensieve", "models", "remove", "x"),
        ("pensieve", "chat", "--tokens", "20"),
        ("pensieve", "bench", "--streams", "many"),
        ("pensieve", "keys", "create", "--scope", "messages"),
        ("python", "-m", "tests.perf.nothing"),
        ("python", "-m", "tests.perf.takeover", "--nothing"),
        ("python3", "deploy/bootstrap.py", "--nothing"),
        ("python3", "deploy/nothing.py"),
        ("cp", "deploy/nothing.conf", "/etc"),
        ("systemd-run", "/opt/pensieve/.venv/bin/pensieve", "pul"),
        ("rm", "-rf", "/"),
    ]

    assert [command for command, _ in wrong(mistaken)] == [" ".join(words) for words in mistaken]
