"""OpenAI's SDK against the real service and its default model."""

import json
from collections.abc import Iterator

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam

from tests.support.service import Service

MODEL = "smollm2-135m-instruct"
FRANCE: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city", "unit"],
        },
    },
}


@pytest.fixture
def sdk(service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{service.url}/v1", api_key="not needed", max_retries=0) as sdk:
        yield sdk


def test_a_whole_answer_and_a_streamed_one_are_the_same(sdk: OpenAI) -> None:
    whole = sdk.chat.completions.create(model=MODEL, messages=FRANCE, temperature=0, max_tokens=40)
    chunks = [*sdk.chat.completions.create(model=MODEL, messages=FRANCE, temperature=0, max_tokens=40, stream=True)]

    assert "Paris" in (whole.choices[0].message.content or "")
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason == "stop"


def test_a_seed_draws_the_same_answer_again(sdk: OpenAI) -> None:
    def ask(seed: int) -> str | None:
        answer = sdk.chat.completions.create(
            model=MODEL, messages=FRANCE, temperature=1.5, max_tokens=12, seed=seed, presence_penalty=0.5
        )
        return answer.choices[0].message.content

    first, second, other = ask(1), ask(1), ask(2)

    assert first == second != other


@pytest.mark.parametrize("seed", range(3))
def test_a_forced_call_fits_its_schema_at_any_temperature(sdk: OpenAI, seed: int) -> None:
    answer = sdk.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "weather"}},
        temperature=2,
        top_p=1,
        max_tokens=200,
        seed=seed,
        parallel_tool_calls=False,
    )

    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    arguments = json.loads(call.function.arguments)
    assert arguments.keys() == {"city", "unit"}
    assert arguments["unit"] in {"celsius", "fahrenheit"}


def test_a_structured_answer_fits_its_schema(sdk: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"capital": {"type": "string", "maxLength": 20}, "people": {"type": "integer"}},
        "required": ["capital", "people"],
        "additionalProperties": False,
    }
    answer = sdk.chat.completions.create(
        model=MODEL,
        messages=FRANCE,
        temperature=1,
        seed=4,
        max_tokens=200,
        response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
    )

    parsed = json.loads(answer.choices[0].message.content or "")
    assert [type(parsed["capital"]), type(parsed["people"])] == [str, int]


def test_a_completion_goes_on_from_its_prompt(sdk: OpenAI) -> None:
    answer = sdk.completions.create(
        model=MODEL, prompt="The capital of France is", max_tokens=20, temperature=0, stop=["\n", "."]
    )
    in_chat = sdk.completions.create(
        model=MODEL,
        prompt="<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n",
        max_tokens=40,
        temperature=0,
    )

    assert "Paris" in answer.choices[0].text
    assert (in_chat.choices[0].finish_reason, "Paris" in in_chat.choices[0].text) == ("stop", True)
