"""Whether somebody else's Redis can serve."""

import pytest

from deploy.failure import Failure
from deploy.redis_check import require_redis


def test_a_redis_that_answers_is_no_failure(redis_url: str) -> None:
    assert require_redis(redis_url) is None  # type: ignore[func-returns-value]


def test_a_dead_redis_is_one_sentence_without_its_password() -> None:
    with pytest.raises(Failure, match=r"redis://127.0.0.1:1/0 does not answer .* unset it") as failure:
        require_redis("redis://user:hunter2@127.0.0.1:1/0")

    assert "hunter2" not in str(failure.value)


def test_what_is_no_url_is_named() -> None:
    with pytest.raises(Failure, match="no Redis URL"):
        require_redis("localhost:6379")
