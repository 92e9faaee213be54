"""Crowd: many people who talk to one engine at once, some of whom lose patience and ask again."""

import random
from collections.abc import Iterator
from collections.abc import Sequence as Rows
from typing import Protocol

from workers.engine import Engine
from workers.sequence import Sequence

TOGETHER = 8


class Speaker(Protocol):
    """One conversation: `asks` what comes next, as often as it takes, until it `hears` the answer to that."""

    def asks(self) -> Sequence: ...

    def hears(self, answer: list[int]) -> None: ...


class Crowd:
    """Everybody at once: a few tokens of one prompt, then a step for all; now and then somebody loses patience."""

    def __init__(self, engine: Engine, everybody: Rows[Speaker], turns: int, seed: int) -> None:
        self._everybody = everybody
        self.read_tokens = self.given_up = 0
        self._engine = engine
        self._turns = turns
        self._chance = random.Random(seed)
        self._prefilling: list[tuple[Speaker, Sequence]] = []
        self._decoding: dict[str, tuple[Speaker, Sequence]] = {}

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

    def _comers(self) -> Iterator[Speaker | None]:
        """Everybody, once for each turn, but nobody beside themselves; None where all who are left are busy."""
        coming = [
            person for _ in range(self._turns) for person in self._chance.sample(self._everybody, len(self._everybody))
        ]
        while coming:
            busy = [person for person, _ in (*self._prefilling, *self._decoding.values())]
            free = next((person for person in coming if person not in busy), None)
            if free is not None:
                coming.remove(free)
            yield free

    def _enter(self, person: Speaker) -> None:
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
