"""Bodies of the older completions: prompts without a chat format."""

from typing import Any

import pytest

from api.wire_openai.completion_request import CompletionRequest, parse_completion
from models.sampling_defaults import OPEN_TO_MODEL
from queue_config.errors import InvalidRequest
from queue_config.request import SamplingParams


def body(prompt: Any = "Once", **changes: Any) -> dict[str, Any]:
    return {"model": "m", "prompt": prompt} | changes


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("Once", "Once"), (["Once"], "Once"), ([1, 2], (1, 2)), ([[1, 2]], (1, 2)), (" ", " "), ([0], (0,))],
)
def test_prompts(prompt: Any, expected: str | tuple[int, ...]) -> None:
    assert parse_completion(body(prompt)) == CompletionRequest(
        "m", expected, SamplingParams(max_tokens=16), stream=False, include_usage=False, left_open=OPEN_TO_MODEL
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": "m"}, "prompt: Field required"),
        (body(""), "prompt: Input should be a non-empty string or array of token ids"),
        (body([]), "prompt: Input should be a non-empty string or array of token ids"),
        (body([[]]), "prompt: Input should be a non-empty string or array of token ids"),
        (body([True]), "prompt: Input should be a non-empty string or array of token ids"),
        (body([1, "a"]), "prompt: Input should be a non-empty string or array of token ids"),
        (body([-1]), "prompt: Input should be a non-empty string or array of token ids"),
        (body(["a", "b"]), "prompt: only one prompt is supported"),
        (body(echo=True), "echo: repeating the prompt is not supported"),
        (body(logprobs=0), "logprobs: the probabilities of tokens are not supported"),
        (body(best_of=3), "best_of: only 1 is supported"),
        (body(suffix="."), "suffix: text behind the answer is not supported"),
        (body(max_tokens=-1), "max_tokens: Input should be greater than or equal to 0"),
    ],
)
def test_a_wrong_field_is_named(wrong: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_completion(wrong)

    assert str(raised.value).startswith(message)


def test_what_asks_for_nothing_more_is_accepted() -> None:
    parsed = parse_completion(body(echo=False, best_of=1, suffix="", logprobs=None, n=1, user="me"))

    assert parsed == parse_completion(body())
