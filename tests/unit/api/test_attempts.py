"""Guessing keys."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.attempts import PER_MINUTE, REMEMBERED, Attempts
from queue_config.api_keys import KeyFile, Limits
from queue_config.errors import RateLimited
from tests.support import api_fakes


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_an_address_gets_so_many_tries_a_minute_and_others_dont_suffer() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(PER_MINUTE):
        attempts.check("evil")
        attempts.failed("evil")
    with pytest.raises(RateLimited) as refused:
        attempts.check("evil")
    attempts.check("good")
    clock.now_s += refused.value.retry_after_s or 0

    attempts.check("evil")


def test_a_crowd_of_addresses_is_not_remembered_for_ever() -> None:
    attempts = Attempts(Clock())
    for n in range(REMEMBERED + 100):
        attempts.failed(str(n))

    assert len(attempts._debts) == REMEMBERED


def test_guessing_is_slowed_down_for_guessable_keys_alone(tmp_path: Path) -> None:
    with api_fakes.client(home=tmp_path, api_key="chosen by a person") as client:
        made = KeyFile(tmp_path).create("one", ("messages",), Limits())
        guesses = [status(client, f"guess {n}") for n in range(PER_MINUTE + 1)]
        right = client.get("/v1/models", headers={"x-api-key": "chosen by a person"})

        assert guesses == [401] * PER_MINUTE + [429]
        assert (right.status_code, right.headers["retry-after"]) == (429, "2")
        assert status(client, made) == 200


def status(client: FlaskClient, key: str) -> int:
    return client.get("/v1/models", headers={"x-api-key": key}).status_code
