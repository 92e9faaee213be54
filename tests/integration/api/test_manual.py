"""The requests that the guides show are accepted; those of docs/API.md are answered in the form that it shows."""

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import orjson
import pytest
from flask.testing import FlaskClient

from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL
from tests.support.documents import ROOT, guides, name_of, shell_commands

MANUAL = ROOT / "docs/API.md"
US = re.compile(r"(http://)?(localhost|127\.0\.0\.1):7777")


class Example(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    shown: str
    """What the manual has for the answer."""


def example(words: Sequence[str], shown: str = "") -> Example:
    path, headers, body, method = "", {}, None, ""
    for option, value in pairwise(words):
        if option == "-H":
            name, _, text = value.partition(": ")
            headers[name] = text
        elif option == "-d":
            body = value.replace("smollm2-135m-instruct", MODEL).encode()
        elif option == "-X":
            method = value
        if US.match(value):
            path = US.sub("", value)
    return Example(method or ("POST" if body else "GET"), path, headers, body, shown)


def examples() -> list[Example]:
    """Those that need nothing which an earlier one has made, and come to an end."""
    blocks = re.findall(r"```\n(\$ curl .*?)```", MANUAL.read_text(), re.DOTALL)
    parts = [part for block in blocks for part in re.split(r"^\$ curl ", block, flags=re.MULTILINE) if part.strip()]
    split = [re.split(r"\n(?=[{]|HTTP|event)", part, maxsplit=1) for part in parts]
    found = [example(["curl", *shlex.split(sent.replace("\\\n", " "))], shown) for sent, shown in split]
    return [one for one in found if not re.search("/(msg|msgbatch)_[0-9A-Za-z]{24}|/live/events", one.path)]


def elsewhere() -> list[tuple[str, Example]]:
    found = [(path, words) for path in guides() if path != MANUAL for words in shell_commands(path)]
    return [(name_of(path), example(words)) for path, words in found if words[0] == "curl"]


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


@pytest.mark.parametrize(
    ("guide", "one"), elsewhere(), ids=[f"{guide}-{at}" for at, (guide, _) in enumerate(elsewhere())]
)
def test_what_other_guides_send_has_a_route_and_is_accepted(
    client: FlaskClient, worker: FakeWorker, guide: str, one: Example
) -> None:
    routes = client.application.url_map.bind("localhost")
    path = one.path.partition("?")[0]
    assert routes.test(path, one.method), f"{guide} asks {one.method} {path}"
    # An id that stands for one can't be found.
    if "msg_..." not in path:
        answer = client.open(one.path, method=one.method, headers=one.headers, data=one.body)
        assert answer.status_code < 400, answer.data


def test_the_manual_shows_every_kind_of_request() -> None:
    assert len(examples()) >= 10
