"""OpenAI's SDK against the API: what it makes of our bytes is what counts."""

import asyncio
import json
from collections.abc import Iterator

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from pydantic import BaseModel

from queue_config.request import GenerationRequest
from tests.contract.conftest import KEY
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL
from tests.support.api_server import ApiServer

WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL_ID = "a" * 24
PIECES = [
    ["thinking", "Rain?"],
    ["text", "Let me look."],
    ["tool", f"toolu_{CALL_ID}", "weather"],
    ["input", '{"city":'],
    ["input", '"Paris"}'],
]


class City(BaseModel):
    name: str
    people: int


def user(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


def scripted(reason: str, pieces: list[list[str]]) -> list[ChatCompletionMessageParam]:
    """A message that the worker answers with these pieces."""
    return user(f"answer {reason} {json.dumps(pieces)}")


@pytest.fixture
def sdk(server: ApiServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as sdk:
        yield sdk


def test_a_whole_answer(sdk: OpenAI, worker: FakeWorker) -> None:
    answer = sdk.chat.completions.create(model=MODEL, messages=user("Hello there"))

    request = worker.taken[0]
    prompt_tokens = len("<user>Hello there<assistant>")
    assert answer.to_dict() == {
        "id": request.id.replace("msg_", "chatcmpl-"),
        "object": "chat.completion",
        "created": int(request.created_at),
        "model": MODEL,
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there ", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": 2,
            "total_tokens": prompt_tokens + 2,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }
    assert answer._request_id is not None
    assert answer._request_id.startswith("req_")


def test_what_came_from_the_cache_is_part_of_the_prompts_tokens(sdk: OpenAI, worker: FakeWorker) -> None:
    usage = sdk.chat.completions.create(model=MODEL, messages=user("cached 7 5")).usage

    assert usage is not None
    assert usage.prompt_tokens == len("<user>cached 7 5<assistant>")
    assert usage.prompt_tokens_details is not None
    assert (usage.prompt_tokens_details.cached_tokens, usage.prompt_tokens_details.cache_write_tokens) == (7, 5)


def test_a_stream_accumulates_to_the_whole_answer(sdk: OpenAI, worker: FakeWorker) -> None:
    asked = scripted("tool_use", PIECES)
    whole = sdk.chat.completions.create(model=MODEL, messages=asked, tools=[WEATHER]).to_dict()
    with sdk.chat.completions.stream(
        model=MODEL, messages=asked, tools=[WEATHER], stream_options={"include_usage": True}
    ) as stream:
        kinds = [event.type for event in stream if event.type != "chunk"]
        streamed = stream.get_final_completion()

    message = streamed.choices[0].message
    assert message.tool_calls is not None
    assert message.tool_calls[0].function.name == "weather"
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Paris"}
    assert (message.content, streamed.choices[0].finish_reason) == ("Let me look.", "tool_calls")
    assert kinds.count("tool_calls.function.arguments.delta") == 3
    assert streamed.usage is not None
    assert streamed.usage.to_dict() == whole["usage"]


def test_calls_have_ids_that_lead_back_to_ours(sdk: OpenAI, worker: FakeWorker) -> None:
    first = sdk.chat.completions.create(model=MODEL, messages=scripted("tool_use", PIECES), tools=[WEATHER])
    message = first.choices[0].message
    assert message.tool_calls is not None
    history: list[ChatCompletionMessageParam] = [
        *scripted("tool_use", PIECES),
        {"role": "assistant", "content": message.content, "tool_calls": [message.tool_calls[0].to_dict()]},  # type: ignore[list-item]
        {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "18 degrees"},
        {"role": "user", "content": "And now?"},
    ]

    again = sdk.chat.completions.create(model=MODEL, messages=history, tools=[WEATHER])

    assert message.tool_calls[0].id == f"call_{CALL_ID}"
    assert again.choices[0].finish_reason == "stop"


def test_thinking_comes_as_reasoning_content(sdk: OpenAI, worker: FakeWorker) -> None:
    asked = scripted("end_turn", PIECES[:2])
    whole = sdk.chat.completions.create(model=MODEL, messages=asked, reasoning_effort="low")
    chunks = [*sdk.chat.completions.create(model=MODEL, messages=asked, stream=True)]

    message = whole.choices[0].message.to_dict()
    assert (message["reasoning_content"], message["content"]) == ("Rain?", "Let me look.")
    assert whole.usage is not None
    assert whole.usage.completion_tokens_details is not None
    assert whole.usage.completion_tokens_details.reasoning_tokens == 1
    assert [chunk.choices[0].delta.to_dict() for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Rain?"},
        {"content": "Let me look."},
        {},
    ]


def test_a_structured_answer_is_parsed(sdk: OpenAI, worker: FakeWorker) -> None:
    parsed = sdk.chat.completions.parse(
        model=MODEL,
        messages=scripted("end_turn", [["text", '{"name": "Paris", "people": 2100000}']]),
        response_format=City,
    )

    assert parsed.choices[0].message.parsed == City(name="Paris", people=2_100_000)


def test_everything_that_steers_an_answer_reaches_the_worker(sdk: OpenAI, worker: FakeWorker) -> None:
    sdk.chat.completions.create(
        model=MODEL,
        messages=user("hi"),
        temperature=1.5,
        top_p=0.5,
        max_completion_tokens=7,
        stop=["\n", "END"],
        seed=41,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        logit_bias={"50": -100},
        extra_body={"top_k": 20, "min_p": 0.1, "repetition_penalty": 1.1},
    )

    sampling = worker.taken[0].sampling
    assert sampling == type(sampling)(
        max_tokens=7,
        temperature=1.5,
        top_p=0.5,
        top_k=20,
        stop=("\n", "END"),
        seed=42,
        min_p=0.1,
        repetition_penalty=1.1,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        logit_bias=((50, -100.0),),
    )


def seeds(sdk: OpenAI, worker: FakeWorker, *given: int | None) -> list[int]:
    for seed in given:
        sdk.chat.completions.create(model=MODEL, messages=user("hi"), seed=seed)
    return [request.sampling.seed for request in worker.taken]


def test_the_seed_that_is_given_is_used_and_else_one_is_drawn(sdk: OpenAI, worker: FakeWorker) -> None:
    first, again, zero, negative, *drawn = seeds(sdk, worker, 5, 5, 0, -3, None, None)

    assert first == again
    assert len({first, zero, negative, *drawn}) == 5


def test_an_unbounded_answer_gets_what_the_prompt_leaves(sdk: OpenAI, worker: FakeWorker) -> None:
    sdk.chat.completions.create(model=MODEL, messages=user("hi"))

    assert worker.taken[0].sampling.max_tokens == 2_000 - len("<user>hi<assistant>")


def test_the_model_is_listed_and_found(sdk: OpenAI) -> None:
    assert [(model.id, model.object, model.owned_by) for model in sdk.models.list()] == [(MODEL, "model", "pensieve")]
    assert sdk.models.retrieve(MODEL).id == MODEL


def test_a_hundred_streams_at_once_each_get_their_own_answer(server: ApiServer, worker: FakeWorker) -> None:
    async def ask(sdk: AsyncOpenAI, n: int) -> str:
        stream = await sdk.chat.completions.create(model=MODEL, messages=user(f"canary{n} sings"), stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def ask_all() -> list[str]:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as sdk:
            return await asyncio.gather(*(ask(sdk, n) for n in range(100)))

    assert asyncio.run(ask_all()) == [f"canary{n} sings " for n in range(100)]


def prompt_of(request: GenerationRequest) -> str:
    return "".join(map(chr, request.prompt))


def test_a_completion_goes_on_from_the_prompt_as_it_stands(sdk: OpenAI, worker: FakeWorker) -> None:
    whole = sdk.completions.create(model=MODEL, prompt="Once upon", max_tokens=50)
    ids = sdk.completions.create(model=MODEL, prompt=[*b"Once upon"], max_tokens=50)
    chunks = [
        *sdk.completions.create(model=MODEL, prompt=["Once upon"], stream=True, stream_options={"include_usage": True})
    ]

    assert [prompt_of(request) for request in worker.taken] == ["Once upon"] * 3
    assert (whole.object, whole.choices[0].text, whole.choices[0].finish_reason) == (
        "text_completion",
        "Once upon ",
        "stop",
    )
    assert ids.choices[0].text == "Once upon "
    assert [chunk.choices[0].text for chunk in chunks[:-1]] == ["Once ", "upon ", ""]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage == whole.usage
    assert whole.id == worker.taken[0].id.replace("msg_", "cmpl-")


def test_a_completion_is_short_unless_told_otherwise(sdk: OpenAI, worker: FakeWorker) -> None:
    answer = sdk.completions.create(model=MODEL, prompt="burst 40")

    assert (answer.choices[0].finish_reason, answer.usage and answer.usage.completion_tokens) == ("length", 16)


@pytest.mark.parametrize(("kind", "status"), [("api_error", 500), ("overloaded_error", 503), ("timeout_error", 504)])
def test_a_failed_answer_raises_the_sdks_error(sdk: OpenAI, worker: FakeWorker, kind: str, status: int) -> None:
    with pytest.raises(openai.InternalServerError, match="It was scripted to fail") as raised:
        sdk.chat.completions.create(model=MODEL, messages=user(f"fail {kind}"))

    assert (raised.value.status_code, raised.value.type) == (status, "server_error")
    assert raised.value.request_id is not None


def test_a_failure_in_a_stream_raises_too(sdk: OpenAI, worker: FakeWorker) -> None:
    stream = sdk.chat.completions.create(model=MODEL, messages=user("fail api_error"), stream=True)

    with pytest.raises(openai.APIError, match="It was scripted to fail"):
        list(stream)


def test_the_callers_mistakes_raise_what_the_sdk_has_for_them(server: ApiServer, sdk: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        sdk.chat.completions.create(model="gpt-9", messages=user("hi"))
    with pytest.raises(openai.BadRequestError) as wrong:
        sdk.chat.completions.create(model=MODEL, messages=user("hi"), n=2)
    with pytest.raises(openai.BadRequestError, match="This model's maximum context length is 2000 tokens") as long:
        sdk.chat.completions.create(model=MODEL, messages=user("x" * 5000))
    with (
        OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        stranger.chat.completions.create(model=MODEL, messages=user("hi"))

    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    assert (wrong.value.code, wrong.value.param, wrong.value.type) == (None, "n", "invalid_request_error")
    assert (long.value.code, long.value.param) == ("context_length_exceeded", "messages")
    assert refused.value.code == "invalid_api_key"


def test_an_answer_stays_visible_as_a_job(server: ApiServer, sdk: OpenAI, worker: FakeWorker) -> None:
    answer = sdk.chat.completions.create(model=MODEL, messages=user("Hello there"))
    job = sdk.get(f"/jobs/{answer.id.replace('chatcmpl-', 'msg_')}", cast_to=object)

    assert isinstance(job, dict)
    assert (job["status"], job["result"]["content"][0]["text"]) == ("succeeded", "Hello there ")
