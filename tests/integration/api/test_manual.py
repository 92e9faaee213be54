"""docs/API.md: the requests that it shows are accepted, and answered in the form that it shows."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from flask.testing import FlaskClient

from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL

MANUAL = Path(__file__).parents[3] / "docs/API.md"
OUR_HOST = "localhost:7777"


class Example(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    shown: str
    """What the manual has for the answer."""


def example(command: str, shown: str) -> Example:
    words = ["curl", *shlex.split(command.replace("\\\n", " "))]
    path, headers, body, method = "", {}, None, ""
    for option, value in pairwise(words):
        if option == "-H":
            name, _, text = value.partition(": ")
            headers[name] = text
        elif option == "-d":
            body = value.replace("smollm2-135m-instruct", MODEL).encode()
        elif option == "-X":
            method = value
        if value.startswith(OUR_HOST):
            path = value.removeprefix(OUR_HOST)
    return Example(method or ("POST" if body else "GET"), path, headers, body, shown)


def examples() -> list[Example]:
    """Those that need nothing which an earlier one has made, and come to an end."""
    blocks = re.findall(r"```\n(\$ curl .*?)```", MANUAL.read_text(), re.DOTALL)
    parts = [part for block in blocks for part in re.split(r"^\$ curl ", block, flags=re.MULTILINE) if part.strip()]
    found = [example(*re.split(r"\n(?=[{]|HTTP|event)", part, maxsplit=1)) for part in parts]
    return [one for one in found if not re.search("/(msg|msgbatch)_[0-9A-Za-z]{24}|/live/events", one.path)]


@pytest.mark.parametrize("one", examples())
def test_what_the_manual_shows_can_be_sent(client: FlaskClient, worker: FakeWorker, one: Example) -> None:
    answer = client.open(one.path, method=one.method, headers=one.headers, data=one.body)

    got = orjson.loads(answer.data)
    shown = set(re.findall(r'[{,]\s*"(\w+)":', one.shown))
    shows_error = re.search(r'^{("type":"error"|"error":{)', one.shown, re.MULTILINE) is not None
    assert (got.get("error") is not None) is shows_error
    # Where it leaves something out it says so.
    assert set(got) <= shown or "..." in one.shown
    assert set(got) & shown


def test_the_manual_shows_every_kind_of_request() -> None:
    assert len(examples()) >= 10
