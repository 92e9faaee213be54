"""Shell commands by rules: dangerous ones, ones that only look, and the many that no rule knows."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from api.wire.danger_rules import danger_of
from api.wire.path_rules import decides_what_runs, holds_secrets

MAX_COMMAND = 2_000
"""Characters; longer ones are left to the user, since patterns take time that grows with the square."""


@dataclass(frozen=True, slots=True)
class Verdict:
    kind: Literal["dangerous", "harmless", "unknown"]
    why: str = ""
    """For the user, in one sentence; empty for what is harmless."""


UNKNOWN = Verdict("unknown", "No rule covers this call, and no model judges it.")

_LOOKING = frozenset(
    {"basename", "cat", "cd", "cmp", "column", "comm", "cut", "date", "df", "diff", "dirname", "du", "echo", "expr"}
    | {"false", "file", "fold", "free", "grep", "head", "id", "jq", "ls", "md5sum", "nl", "nproc", "od", "paste"}
    | {"printf", "pwd", "readlink", "realpath", "rg", "seq", "sha256sum", "sleep", "sort", "stat", "strings", "tail"}
    | {"test", "tr", "tree", "true", "type", "uname", "uptime", "wc", "which", "whoami", "["}
)
_GIT = {
    "blame",
    "describe",
    "diff",
    "log",
    "ls-files",
    "ls-tree",
    "merge-base",
    "rev-list",
    "rev-parse",
    "show",
    "status",
}
_LOOKING_AT = {
    "git": _GIT,
    "python": {"--version", "-V"},
    "python3": {"--version", "-V"},
    "node": {"--version", "-v"},
    "npm": {"ls", "list", "view", "--version"},
    "pip": {"list", "show", "freeze", "--version"},
}
"""Commands that only look where one of these is their first word."""
_WRITING_OPTION = re.compile(r"-o|--output|-i$|--in-place|--pre\b|--compress-program|--ext-diff|--textconv|-s$|--set")
_OPAQUE = re.compile(r"[`<>$\n\\]|(^|[\s/])\.[^\s/]*[*?\[{]|[{]")
"""What may write, run or read something that the words don't show."""
_QUIET = re.compile(r"\s(2>&1|[12&]?>\s*/dev/null)(?=\s|$|[;&|])")
_WRITERS = re.compile(r"\b(tee|cp|mv|ln|install|rm|chmod|chown|touch|truncate|sed\s+-i\S*)\b([^;&|]*)")
_REDIRECTION = re.compile(r">+\s*([^\s;&|]+)")


def judge_command(command: str) -> Verdict:
    """By its text alone: no rule can know what a script that it calls does."""
    if len(command) > MAX_COMMAND:
        return UNKNOWN
    if why := danger_of(command) or _danger_of_paths(command):
        return Verdict("dangerous", why)
    return Verdict("harmless") if _only_looks(_QUIET.sub(" ", command)) else UNKNOWN


def _danger_of_paths(command: str) -> str:
    for word in _words(command):
        if holds_secrets(word):
            return f"{word} holds credentials."
    written = [*_REDIRECTION.findall(command), *(rest for _, rest in _WRITERS.findall(command))]
    for word in (word for text in written for word in _words(text)):
        if decides_what_runs(word):
            return f"It changes {word}, which decides what runs on this machine."
    return ""


def _words(text: str) -> set[str]:
    # Quotes inside a word hide nothing.
    return {
        word for variant in (text, re.sub(r"[\"'\\]", "", text)) for word in re.split(r"[\s=:'\"<>|;&()@]+", variant)
    }


def _only_looks(command: str) -> bool:
    if not command.strip() or _OPAQUE.search(command):
        return False
    try:
        return all(_looks(words) for words in _simple_commands(command))
    except ValueError:
        # Quotes that don't close.
        return False


def _looks(words: list[str]) -> bool:
    program, *rest = words
    if any(_WRITING_OPTION.match(word) for word in rest):
        return False
    if program == "cd":
        # From inside a hidden folder or the home, later words would not show what they are.
        return not any(word.startswith(("~", ".config")) or "/." in word.replace("/..", "") for word in rest)
    if program in _LOOKING_AT:
        return bool(rest) and rest[0] in _LOOKING_AT[program]
    return program in _LOOKING


def _simple_commands(command: str) -> Iterator[list[str]]:
    """The commands of a pipeline or list, each as its words; ValueError where it is more than that."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for token in lexer:
        if token in {"&&", "||", "|", ";"}:
            yield _plain(words)
            words = []
        elif not token.strip(";&|()"):
            raise ValueError(f"{token} is more than a list of commands")
        else:
            words.append(token)
    if words:
        yield _plain(words)


def _plain(words: list[str]) -> list[str]:
    if not words or "=" in words[0]:
        raise ValueError("no plain command")
    return words
