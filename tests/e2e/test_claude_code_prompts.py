"""Claude Code's recorded requests in the default model's own tokens: each prompt begins with the one before."""

from itertools import pairwise, takewhile

import pytest

from api.tokenizing import Prompts
from api.wire.request import parse_count, parse_messages
from models.families import family_for
from models.tokenizer import Tokenizer
from queue_config.settings import CHECKOUT
from tests.unit.api.test_wire_claude_code import GROWING, Body, earlier, recorded

MODEL = CHECKOUT / "models" / "smollm2-135m-instruct"
MAY_DIFFER = 1
"""The prompt's last token, where what follows it joins it."""


@pytest.fixture(scope="module")
def prompts() -> Prompts:
    return Prompts(family_for(MODEL), Tokenizer.load(MODEL), 65_536)


def tokens(prompts: Prompts, body: Body) -> tuple[int, ...]:
    return prompts.encode(parse_messages(body).conversation)


@pytest.mark.parametrize("name", GROWING)
def test_each_request_begins_with_the_tokens_of_the_one_before(prompts: Prompts, name: str) -> None:
    body = recorded(name)
    turns = [tokens(prompts, request) for request in [*earlier(body), body]]
    again = [len(before) - _common(before, after) for before, after in pairwise(turns)]

    assert len(turns) > 1
    assert [lost for lost in again if lost > MAY_DIFFER] == []


@pytest.mark.parametrize("name", GROWING)
def test_counting_says_what_the_request_will_have(prompts: Prompts, name: str) -> None:
    body = recorded(name)
    counted = prompts.encode(parse_count(body).conversation)

    assert len(counted) == len(tokens(prompts, body)) > 3_000


def _common(before: tuple[int, ...], after: tuple[int, ...]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
