"""Signatures of thinking: ours give it back, and everybody else's are no trouble."""

import base64
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.seal_key import seal_key
from api.wire.seal import Seal

SEAL = Seal(b"key")
thoughts = st.text(st.characters(exclude_categories=["Cs"]))


@given(thoughts)
def test_thinking_comes_back_out_of_the_signature_that_carries_it(text: str) -> None:
    assert SEAL.open(SEAL.sign(text, carry=True)) == text
    assert SEAL.open(SEAL.sign(text, carry=False)) == ""


@given(thoughts, st.booleans())
def test_the_same_key_signs_alike_and_another_one_does_not(text: str, carry: bool) -> None:
    signature = SEAL.sign(text, carry=carry)

    assert Seal(b"key").sign(text, carry=carry) == signature
    assert SEAL.vouches_for(signature, text)
    assert not Seal(b"other").vouches_for(signature, text)
    assert not SEAL.vouches_for(signature, text + "!")
    assert Seal(b"other").open(signature) == ""


@given(st.binary(max_size=64))
def test_foreign_signatures_carry_nothing(raw: bytes) -> None:
    assert SEAL.open(base64.b64encode(raw).decode()) == ""


@pytest.mark.parametrize("signature", ["", "sig-1", "c2lnLTE=", "é", "AQ==", "=" * 9, "a" * 10_001])
def test_what_is_no_signature_carries_nothing(signature: str) -> None:
    assert SEAL.open(signature) == ""


def test_a_changed_signature_carries_nothing() -> None:
    raw = bytearray(base64.b64decode(SEAL.sign("think " * 20, carry=True)))

    for place in range(len(raw)):
        changed = raw.copy()
        changed[place] ^= 1
        assert SEAL.open(base64.b64encode(bytes(changed)).decode()) == ""


def test_long_thoughts_are_carried_in_little() -> None:
    text = "First I look at the files, then I change them. " * 500

    assert len(SEAL.sign(text, carry=True)) < len(text) / 10


def test_all_processes_of_a_home_have_one_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(seal_key(home))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (path,) = home.iterdir()
    assert {*keys, seal_key(home)} == {path.read_bytes()}
    assert (len(path.read_bytes()), path.stat().st_mode & 0o777) == (32, 0o600)
    assert seal_key(tmp_path / "other") != keys[0]
