"""Request bodies that are not quite JSON."""

import pytest

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


def test_of_a_repeated_key_the_last_one_counts() -> None:
    assert parse(b'{"a": 1, "a": 2}') == {"a": 2}
