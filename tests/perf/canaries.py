"""Canaries: many people, each with a secret word, at once through one cache of a real model; some ask twice.

`python -m tests.perf.canaries MODEL_DIR [--people 204] [--solo 20]`: a ChatML model. No answer may hold another's word;
the first `--solo` answers must be what these people get alone, without a cache, all of them seeded and most not greedy.
"""

import argparse
import random
import tempfile
import time
from itertools import product
from pathlib import Path

from rich.console import Console

from models.prompt import Markup
from models.tokenizer import Tokenizer
from queue_config.request import SamplingParams
from tests.mlx.crowd import Crowd
from tests.mlx.driving import run
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.prompt_cache_spill import DiskSpace
from workers.sequence import Sequence

SYLLABLES = ["".join(letters) for letters in product("bdfgklmnprstvz", "aeiou")]
ALL_WORDS = ["".join(syllables) for syllables in product(SYLLABLES, repeat=3)]
WORDS = random.Random(1).sample(ALL_WORDS, 1000)
"""Few of the many that there are, so that a slip of the model's makes nobody's word."""
START, END, NEWLINE = "<|im_start|>", "<|im_end|>", "\n"
TOKENS = 14


class Person:
    """One question, about a word that is nobody else's; the system prompt is everybody's."""

    def __init__(self, number: int, tokenizer: Tokenizer) -> None:
        self.number = number
        self.word = WORDS[number]
        self.answer: list[int] = []
        self._tokenizer = tokenizer
        self.prompt, self.boundary = self._rendered()

    def asks(self) -> Sequence:
        sampling = SamplingParams(max_tokens=TOKENS, temperature=self.number % 3 / 3, top_p=0.9, seed=self.number)
        return Sequence(f"person {self.number}", self.prompt, sampling, boundaries=(self.boundary,))

    def hears(self, answer: list[int]) -> None:
        self.answer = list(answer)

    def said(self) -> str:
        return self._tokenizer.decode(self.answer).lower()

    def _rendered(self) -> tuple[tuple[int, ...], int]:
        system = "You are a parrot. You say the secret word that the user tells you, and nothing else."
        question = f"My secret word is {self.word}. Say my secret word {self.word} three times."
        before = self._turn("system", system)
        turns = [*before, *self._turn("user", question), *self._ids(f"{START}assistant{NEWLINE}")]
        return tuple(turns), len(before)

    def _turn(self, role: str, text: str) -> list[int]:
        return self._ids(f"{START}{role}{NEWLINE}{text}{END}{NEWLINE}")

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode([Markup(text)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("--people", type=int, default=204)
    parser.add_argument("--solo", type=int, default=20)
    arguments = parser.parse_args()
    say = Console(soft_wrap=True, highlight=False).print
    tokenizer = Tokenizer.load(arguments.model_dir)
    people = [Person(number, tokenizer) for number in range(arguments.people)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as disk:
        engine = MlxEngine(arguments.model_dir, cache_bytes=10**9, cache_disk=DiskSpace(Path(disk), 10**9))
        crowd = Crowd(engine, people, 1, seed=1)
        crowd.talk()
        engine.close()
    say(f"{len(people)} people in {time.monotonic() - began:.0f} s; {crowd.given_up} gave up and asked again; "
        f"{crowd.read_tokens} tokens from the cache")  # fmt: skip
    own = sum(person.word in person.said() for person in people)
    foreign = [(one.number, other.word) for one in people for other in people
               if other is not one and other.word in one.said()]  # fmt: skip
    say(f"{own} said their own word, {len(foreign)} somebody else's: {foreign}")
    plain = MlxEngine(arguments.model_dir)
    alone = [run(plain, [person.asks()])[f"person {person.number}"] for person in people[: arguments.solo]]
    differing = [
        person.number for person, answer in zip(people[: arguments.solo], alone, strict=True) if person.answer != answer
    ]
    say(f"{len(alone)} asked alone, {len(differing)} of them heard something else: {differing}")
    if foreign or differing:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
