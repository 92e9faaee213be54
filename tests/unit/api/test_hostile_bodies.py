"""What hostile bodies get: the status that they deserve, and little of themselves back."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from tests.support import api_fakes
from tests.support.hostile_bodies import Hostile, corpus

CORPUS = corpus()
LONGEST_MESSAGE = 400


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    with api_fakes.client(max_body_bytes=400_000) as client:
        yield client


def test_there_are_enough_of_them_and_each_is_another() -> None:
    assert len({(case.body, case.path, case.content_type, *case.headers.items()) for case in CORPUS}) == len(CORPUS)
    assert len(CORPUS) >= 150


@pytest.mark.parametrize("case", CORPUS, ids=[f"{number} {case.name}" for number, case in enumerate(CORPUS)])
def test_a_hostile_body_gets_what_it_deserves(client: FlaskClient, case: Hostile) -> None:
    answer = client.post(case.path, data=case.body, content_type=case.content_type or None, headers=case.headers)

    assert answer.status_code == case.status, answer.get_data(as_text=True)
    assert answer.mimetype == "application/json"
    assert len(answer.get_json()["error"]["message"]) < LONGEST_MESSAGE
