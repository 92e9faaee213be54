"""Request bodies that are not quite JSON."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.wire.strict_json import MAX_DEPTH, parse
from queue_config.errors import InvalidRequest


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"NaN",
        b"[Infinity]",
        b"1e400",
        b'"\\ud800"',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b"{'a': 1}",
        b'{"a": 1} trailing',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_not_strict_json_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(body)

    assert str(refused.value).startswith("The request body is not valid JSON: ")


def test_an_error_never_repeats_what_was_sent() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(b'{"secret": sesame}')

    assert "sesame" not in str(refused.value)


def test_nesting_is_allowed_up_to_its_limit_and_no_deeper() -> None:
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    assert parse(deepest) is not None
    with pytest.raises(InvalidRequest, match="nested deeper than 64 levels"):
        parse(b"[" + deepest + b"]")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"sesame": 1, "sesame": 2}', "line 1 column 24"),
        (b'{"a": [{"b": {}},\n{"b": 1, "b": 1}]}', "line 2 column 14"),
        (b'{"\\u0061": 1, "a": 2}', "line 1 column 19"),
    ],
)
def test_a_repeated_key_is_refused_with_its_place(body: bytes, place: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(body)

    assert str(refused.value) == f"The request body repeats a key of an object: {place}"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_a_serialiser_writes_is_read_as_it_was(value: object) -> None:
    assert parse(json.dumps(value)) == value


@given(st.binary() | st.text().map(lambda text: text.encode("utf-16")))
def test_of_anything_else_nothing_but_a_refusal_comes(body: bytes) -> None:
    with suppress(InvalidRequest):
        parse(body)
