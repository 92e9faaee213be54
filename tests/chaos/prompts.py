"""Prompts whose answers are known word by word, so that a lost or repeated token shows."""

import random
from difflib import SequenceMatcher
from typing import NamedTuple

WORDS = ("sky", "rain", "salt", "iron", "moss", "lamp", "tide", "clay", "fern", "wolf", "reed", "dusk", "kiln", "opal")
DAMAGED = ("insert", "delete", "replace")


class Prompt(NamedTuple):
    text: str
    answer: str


def echo(number: int, words: int, mark: str = "") -> Prompt:
    """What the fake engine repeats: all words of a prompt are different, and those of two prompts are too."""
    draw = random.Random(number)
    said = [f"{draw.choice(WORDS)}{number}.{index}" for index in range(words)]
    text = " ".join([mark, *said] if mark else said)
    # The engine repeats its prompt up to the first token that ends a turn.
    return Prompt(text, f"system\n{text}")


class Damage(NamedTuple):
    missing: int
    """Words of the right answer that weren't there."""
    duplicated: int
    """Words that were there and should not have been."""


def damage(right: str, seen: str) -> Damage:
    if right == seen:
        return Damage(0, 0)
    ours, theirs = right.split(), seen.split()
    changes = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    changed = [(b - a, d - c) for what, a, b, c, d in changes if what in DAMAGED]
    missing, duplicated = (sum(column) for column in zip(*changed, strict=True)) if changed else (1, 0)
    return Damage(missing, duplicated)
