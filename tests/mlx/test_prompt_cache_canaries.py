"""Many conversations at once through one cache, some given up half-way: each gets exactly what it gets alone."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mlx.driving import run, sequence, words
from tests.mlx.tiny_llama import write_tiny_llama
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

PEOPLE, TURNS, TOGETHER = 34, 3, 8
SYSTEM = words(1, 120)


class Person:
    """One conversation, of words that are this person's own."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.prompt = SYSTEM + self._says(0)
        self.answers: list[list[int]] = []

    def asks(self) -> Sequence:
        turn = len(self.answers)
        one = sequence(
            f"{self.number}.{turn}",
            self.prompt,
            max_tokens=3 + self.number % 7,
            temperature=self.number % 3 / 2,
            top_p=0.9 if self.number % 2 else 1.0,
            seed=self.number,
        )
        one.boundaries = (len(SYSTEM),)
        return one

    def hears(self, answer: list[int]) -> None:
        self.answers.append(answer)
        self.prompt += tuple(answer) + self._says(len(self.answers))

    def _says(self, turn: int) -> tuple[int, ...]:
        return words(1000 * self.number + turn, 4 + (self.number * 7 + turn) % 40)


def alone(folder: Path) -> list[list[list[int]]]:
    engine = MlxEngine(folder, device="cpu")
    everybody = [Person(number) for number in range(PEOPLE)]
    for person in everybody:
        for _ in range(TURNS):
            (answer,) = run(engine, [person.asks()]).values()
            person.hears(answer)
    return [person.answers for person in everybody]


class Crowd:
    """Everybody at once: a few tokens of one prompt, then a step for all; now and then somebody loses patience."""

    def __init__(self, engine: MlxEngine, seed: int) -> None:
        self.everybody = [Person(number) for number in range(PEOPLE)]
        self.read_tokens = self.given_up = 0
        self._engine = engine
        self._chance = random.Random(seed)
        self._prefilling: list[tuple[Person, Sequence]] = []
        self._decoding: dict[str, tuple[Person, Sequence]] = {}

    def talk(self) -> None:
        coming = self._comers()
        more = True
        while more or self._prefilling or self._decoding:
            while len(self._prefilling) + len(self._decoding) < TOGETHER and (person := next(coming, None)):
                self._enter(person)
            more = len(self._prefilling) + len(self._decoding) > 0
            self._prefill()
            self._decode()
            self._lose_patience()

    def _comers(self) -> Iterator[Person]:
        for _ in range(TURNS):
            yield from self._chance.sample(self.everybody, PEOPLE)

    def _enter(self, person: Person) -> None:
        # Whoever still waits for an answer, or is done, asks nothing.
        waiting = [*self._prefilling, *self._decoding.values()]
        if len(person.answers) < TURNS and all(other is not person for other, _ in waiting):
            asked = person.asks()
            self._engine.add(asked)
            self._prefilling.append((person, asked))

    def _prefill(self) -> None:
        if not self._prefilling:
            return
        person, asked = self._chance.choice(self._prefilling)
        if self._engine.prefill(asked.id, self._chance.choice([5, 30, 200])) == 0:
            self._prefilling.remove((person, asked))
            self._decoding[asked.id] = person, asked
            self.read_tokens += asked.cache_read_tokens

    def _decode(self) -> None:
        for sampled in self._engine.decode():
            person, asked = self._decoding[sampled.sequence_id]
            asked.output.append(sampled.token)
            if len(asked.output) == asked.sampling.max_tokens:
                self._engine.remove(asked.id)
                del self._decoding[asked.id]
                person.hears(asked.output)

    def _lose_patience(self) -> None:
        if self._chance.random() < 0.1 and (waiting := [*self._prefilling, *self._decoding.values()]):
            person, asked = self._chance.choice(waiting)
            self._engine.remove(asked.id)
            self._prefilling = [pair for pair in self._prefilling if pair[1] is not asked]
            self._decoding.pop(asked.id, None)
            self.given_up += 1
            self._enter(person)


@pytest.mark.parametrize("model", [{}, {"layers": 2, "layer_types": ["sliding_attention", "full_attention"]}])
@pytest.mark.parametrize("cache_bytes", [10**8, 300_000])
def test_nobody_hears_a_word_that_was_meant_for_another(
    tmp_path: Path, model: dict[str, Any], cache_bytes: int
) -> None:
    folder = write_tiny_llama(tmp_path / "model", **model, sliding_window=48 if model else None)
    expected = alone(folder)
    crowd = Crowd(MlxEngine(folder, device="cpu", cache_bytes=cache_bytes), seed=cache_bytes)
    crowd.talk()

    for person, answers in zip(crowd.everybody, expected, strict=True):
        assert person.answers == answers[: len(person.answers)]
    assert sum(len(person.answers) for person in crowd.everybody) > PEOPLE
    assert crowd.given_up > 10
    assert crowd.read_tokens > PEOPLE * len(SYSTEM)
