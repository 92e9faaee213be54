"""API keys in their file."""

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from queue_config.api_keys import PREFIX, ApiKey, KeyFile, Limits, digest_of
from queue_config.errors import BadSetting

LIMITS = Limits(requests_per_minute=5, input_tokens_per_minute=1_000, output_tokens_per_minute=10, streams=2)


def test_a_key_is_found_again_with_all_that_was_said_of_it(tmp_path: Path) -> None:
    key = KeyFile(tmp_path).create("laptop", ("messages", "batches"), LIMITS)
    found = KeyFile(tmp_path).find(key)

    assert key.startswith(PREFIX)
    assert found is not None
    assert replace(found, created_at=0) == ApiKey(
        name="laptop", digest=digest_of(key), scopes=("messages", "batches"), created_at=0, limits=LIMITS
    )
    assert KeyFile(tmp_path).find(key + "x") is None


def test_the_file_holds_no_key_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    key = KeyFile(tmp_path).create("laptop", ("messages",), LIMITS)
    path = tmp_path / "keys.json"

    assert key.removeprefix(PREFIX) not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_revoked_key_is_unknown_to_those_who_knew_it(tmp_path: Path) -> None:
    reader, writer = KeyFile(tmp_path), KeyFile(tmp_path)
    key = writer.create("laptop", ("messages",), LIMITS)
    before = reader.find(key)
    writer.revoke("laptop")

    assert before is not None
    assert reader.find(key) is None
    assert reader.exists


@pytest.mark.parametrize("name", ["", "two words", "x" * 65, "../keys", "laptop\n"])
def test_a_name_is_plain(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="no name of a key"):
        KeyFile(tmp_path).create(name, ("messages",), LIMITS)


def test_names_are_unique_and_only_what_is_there_can_be_revoked(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path)
    keys.create("laptop", ("messages",), LIMITS)
    with pytest.raises(BadSetting, match="already"):
        keys.create("laptop", ("messages",), LIMITS)
    with pytest.raises(BadSetting, match="no key named phone"):
        keys.revoke("phone")

    assert [key.name for key in keys.all()] == ["laptop"]


def test_of_keys_made_at_the_same_time_none_is_lost(tmp_path: Path) -> None:
    names = [f"key-{n}" for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda name: KeyFile(tmp_path).create(name, ("messages",), LIMITS), names))

    assert {key.name for key in KeyFile(tmp_path).all()} == set(names)
    assert all(KeyFile(tmp_path).find(key) for key in made)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}x',
        b'{"keys": [1]}',
        b'{"keys": [{}]}',
        b'{"keys": [{"name": "n", "limits": {"steams": 1}}]}',
        b'{"keys": [{"name": 1, "digest": "x", "scopes": ["root"], "created_at": "", "limits": {}}]}',
    ],
)
def test_a_broken_file_lets_nobody_in_and_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(content)
    keys = KeyFile(tmp_path)

    for _ in range(2):
        with pytest.raises(ValueError, match=r"keys\.json is broken"):
            keys.find("guess")
