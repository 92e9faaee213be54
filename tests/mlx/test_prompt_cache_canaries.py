"""Many conversations at once through one cache, some given up half-way: each gets exactly what it gets alone."""

from pathlib import Path
from typing import Any

import pytest

from tests.mlx.crowd import Crowd
from tests.mlx.driving import run, sequence, words
from tests.support.tiny_llama import write_tiny_llama
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.prompt_cache_spill import DiskSpace
from workers.sequence import Sequence

PEOPLE, TURNS = 68, 3
SYSTEM = words(1, 300)
MODELS: dict[str, dict[str, Any]] = {
    "plain": {},
    "windows": {"layers": 2, "layer_types": ["sliding_attention", "full_attention"], "sliding_window": 48},
}

Model = tuple[Path, list[list[list[int]]]]
"""Its folder, and what everybody hears from it alone."""


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
            seed=1000 + self.number,
        )
        one.boundaries = (len(SYSTEM),)
        one.salt = f"tenant {self.number % 2}"
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


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = write_tiny_llama(tmp_path_factory.mktemp("canaries") / "model", **MODELS[request.param])
    return folder, alone(folder)


@pytest.mark.parametrize(
    ("cache_bytes", "disk_bytes"), [(10**8, 0), (600_000, 10**7)], ids=["roomy", "small, and disk"]
)
def test_of_204_prompts_nobody_hears_a_word_that_was_meant_for_another(
    model: Model, tmp_path: Path, cache_bytes: int, disk_bytes: int
) -> None:
    folder, expected = model
    disk = DiskSpace(tmp_path, disk_bytes)
    engine = MlxEngine(folder, device="cpu", cache_bytes=cache_bytes, cache_disk=disk)
    people = [Person(number) for number in range(PEOPLE)]
    crowd = Crowd(engine, people, TURNS, seed=cache_bytes)
    crowd.talk()
    engine.close()

    assert [person.answers for person in people] == expected
    assert sum(map(len, expected)) == 204
    assert crowd.given_up > 20
    assert crowd.read_tokens > PEOPLE * len(SYSTEM)
