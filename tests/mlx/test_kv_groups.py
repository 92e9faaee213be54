"""Rows lie in groups by their width, and each gets the tokens that it gets alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mlx.driving import alone, run, sequence, words
from tests.mlx.test_shared_pass import mixed
from workers.mlx_engine import kv_groups
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.kv_groups import MOST_GROUPS, KVGroups, _most_room

LENGTHS = (3, 90, 17, 140, 1, 64, 33, 250)


@pytest.fixture
def groups(tiny: MlxEngine) -> KVGroups:
    assert isinstance(tiny._batch.kv, KVGroups)
    return tiny._batch.kv


def widths(groups: KVGroups) -> list[tuple[int, int]]:
    """Rows and columns of each group."""
    return [(group.count, group.layout.end) for group in groups._groups]


def test_a_long_row_lies_by_itself_and_a_short_one_beside_its_like(tiny: MlxEngine, groups: KVGroups) -> None:
    for name, length in (("a", 20), ("long", 1500), ("b", 50), ("c", 1400)):
        tiny.add(sequence(name, words(1, length)))
        while tiny.prefill(name, 128):
            pass
        tiny.decode()

    assert widths(groups) == [(2, 51), (2, 1502)]


def test_rows_in_groups_get_the_tokens_that_they_get_alone(tiny: MlxEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [sequence(f"s{i}", words(i, length), max_tokens=30 - i) for i, length in enumerate(LENGTHS)]
    expected = alone(tiny, prompts)
    monkeypatch.setattr(kv_groups, "_SPARED_COLUMNS", 20)

    assert run(tiny, prompts, joins={"s1": 4, "s3": 1, "s6": 9, "s7": 12}) == expected
    assert tiny.kv_bytes == 0


@pytest.mark.parametrize("seed", range(3))
def test_chunks_of_prompts_pass_together_with_rows_in_groups(
    tiny: MlxEngine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    prompts = [sequence(f"s{i}", words(i, length), max_tokens=9) for i, length in enumerate(LENGTHS)]
    expected = alone(tiny, prompts)
    monkeypatch.setattr(kv_groups, "_SPARED_COLUMNS", 20)

    assert mixed(tiny, prompts, seed) == expected


@given(st.lists(st.integers(1, 20), max_size=MOST_GROUPS))
def test_no_spread_of_rows_has_more_room_than_was_forecast(counts: list[int]) -> None:
    room = sum(1 << (count - 1).bit_length() for count in counts)

    assert room <= _most_room(sum(counts), MOST_GROUPS)
