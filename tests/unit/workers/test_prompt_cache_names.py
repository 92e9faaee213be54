"""Names of blocks: the same for the same beginning, others for anything else, and never to be guessed."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.mlx_engine.prompt_cache_names import BLOCK_TOKENS, BlockNames, folder_secret
from workers.mlx_engine.prompt_cache_tree import Prefix, pack

NAMES = BlockNames(b"s" * 32, "model")
TOKENS = list(range(4 * BLOCK_TOKENS))


def prefix(tokens: list[int], salt: str = "", length: int | None = None) -> Prefix:
    return Prefix(salt, pack(tokens), len(tokens) if length is None else length)


@given(length=st.integers(0, 4 * BLOCK_TOKENS), other=st.integers(0, 4 * BLOCK_TOKENS - 1))
def test_names_agree_exactly_as_far_as_whole_blocks_of_tokens_do(length: int, other: int) -> None:
    changed = [*TOKENS]
    changed[other] += 1
    names, others = NAMES.of(prefix(TOKENS, length=length)), NAMES.of(prefix(changed))
    alike = other // BLOCK_TOKENS

    assert len(names) == length // BLOCK_TOKENS
    assert names[:alike] == others[:alike][: len(names)]
    assert not set(names[alike:]) & set(others)


@pytest.mark.parametrize(
    ("names", "salt"),
    [(NAMES, "somebody"), (BlockNames(b"s" * 32, "other"), ""), (BlockNames(b"t" * 32, "model"), "")],
    ids=["another tenant", "another model", "another folder"],
)
def test_a_stranger_shares_no_name(names: BlockNames, salt: str) -> None:
    assert not set(names.of(prefix(TOKENS, salt))) & set(NAMES.of(prefix(TOKENS)))


def test_a_salt_and_a_fingerprint_do_not_run_into_each_other() -> None:
    one, other = BlockNames(b"s" * 32, "model\na"), BlockNames(b"s" * 32, "model")

    assert one.of(prefix(TOKENS, "b")) != other.of(prefix(TOKENS, "a\nb"))


def test_a_folders_secret_is_made_once_and_for_one_pair_of_eyes(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        secrets = set(threads.map(folder_secret, [tmp_path] * 32))

    assert {len(secret) for secret in secrets} == {32}
    assert secrets == {folder_secret(tmp_path)}
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.iterdir()] == [("key", 0o600)]


def test_a_secret_cut_short_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"half")
    secret = folder_secret(tmp_path)

    assert len(secret) == 32
    assert folder_secret(tmp_path) == secret
