"""The catalogue: every entry is well-formed, and the sums behind what it states."""

import re
from dataclasses import replace

import pytest

from models.catalog import CATALOG, DEFAULT, CatalogEntry, find
from models.resolve import is_name


@pytest.mark.parametrize("entry", CATALOG, ids=[entry.name for entry in CATALOG])
def test_an_entry_is_well_formed(entry: CatalogEntry) -> None:
    assert is_name(entry.name)
    assert entry.name == entry.name.lower()
    assert is_name(entry.repo)
    assert entry.revision is None or re.fullmatch(r"[0-9a-f]{40}", entry.revision)
    assert entry.context_tokens > 4096
    assert entry.memory_bytes > entry.size_bytes > 50_000_000


def test_names_and_repositories_are_all_different() -> None:
    assert len({text for entry in CATALOG for text in (entry.name, entry.repo.lower())}) == 2 * len(CATALOG)


@pytest.mark.parametrize("entry", [entry for entry in CATALOG if entry.size_is_exact and entry is not DEFAULT])
def test_reckoned_sizes_are_good_to_a_tenth(entry: CatalogEntry) -> None:
    reckoned = replace(entry, known_size_bytes=None).size_bytes

    assert abs(reckoned - entry.size_bytes) < entry.size_bytes / 10


def test_memory_is_weights_and_an_8k_kv_cache() -> None:
    phi = CATALOG[1]

    assert phi.name == "phi-3-mini-128k-instruct-4bit"
    assert phi.kv_bytes_per_token == 2 * 32 * 32 * 96 * 2
    assert phi.memory_bytes == phi.size_bytes + 8192 * phi.kv_bytes_per_token


def test_an_entry_is_found_by_name_or_repository_in_any_case() -> None:
    assert find("mlx-community/qwen3-4b-4BIT") is find("qwen3-4b-4bit") is not None
    assert find("qwen3") is None
