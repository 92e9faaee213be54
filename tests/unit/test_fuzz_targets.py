"""What `make fuzz` runs for long reads what is usual, and what it found once stays found."""

import pytest

from tests.fuzz.__main__ import NAMES
from tests.fuzz.targets import TARGETS

FOUND: list[tuple[str, bytes]] = []


def test_every_target_has_its_name() -> None:
    assert tuple(TARGETS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_target_reads_its_seeds_and_their_beginnings(name: str) -> None:
    for seed in TARGETS[name].seeds:
        for end in {len(seed), len(seed) // 2, 1, 0}:
            TARGETS[name].read(seed[:end])
