"""The official SDK against the API: what it makes of our bytes is what counts."""

import asyncio
from collections.abc import Iterator

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import MessageParam

from tests.contract.conftest import KEY
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import CONTEXT_TOKENS, MODEL
from tests.support.api_server import ApiServer


@pytest.fixture
def sdk(server: ApiServer) -> Iterator[Anthropic]:
    with Anthropic(base_url=server.url, api_key=KEY, max_retries=0) as sdk:
        yield sdk


def test_a_whole_message(sdk: Anthropic, worker: FakeWorker) -> None:
    message = sdk.messages.create(model=MODEL, max_tokens=50, messages=[{"role": "user", "content": "Hello there"}])

    assert message.to_dict()["content"] == [{"type": "text", "text": "Hello there "}]
    assert (message.id, message.model, message.stop_reason) == (worker.taken[0].id, MODEL, "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (len("<user>Hello there<assistant>"), 2)
    assert message._request_id is not None
    assert message._request_id.startswith("req_")


def test_a_streamed_message_accumulates_to_the_same(sdk: Anthropic, worker: FakeWorker) -> None:
    whole = sdk.messages.create(model=MODEL, max_tokens=50, messages=[{"role": "user", "content": "one two three"}])
    with sdk.messages.stream(
        model=MODEL, max_tokens=50, messages=[{"role": "user", "content": "one two three"}]
    ) as stream:
        text = list(stream.text_stream)
        final = stream.get_final_message()

    assert text == ["one ", "two ", "three "]
    assert final.to_dict() | {"id": whole.id} == whole.to_dict()


def test_text_of_every_alphabet_survives(sdk: Anthropic, worker: FakeWorker) -> None:
    # One word, since the scripted worker splits at white space.
    word = "naïve|日本語|\U0001f469\u200d\U0001f467|\x7f|{|\\|\"|'"
    with sdk.messages.stream(model=MODEL, max_tokens=50, messages=[{"role": "user", "content": word}]) as stream:
        text = stream.get_final_text()

    assert text == f"{word} "


def test_a_hundred_streams_at_once_each_get_their_own_answer(server: ApiServer, worker: FakeWorker) -> None:
    async def ask(sdk: AsyncAnthropic, n: int) -> str:
        async with sdk.messages.stream(
            model=MODEL, max_tokens=50, messages=[{"role": "user", "content": f"canary{n} sings"}]
        ) as stream:
            return await stream.get_final_text()

    async def ask_all() -> list[str]:
        async with AsyncAnthropic(base_url=server.url, api_key=KEY, max_retries=0) as sdk:
            return await asyncio.gather(*(ask(sdk, n) for n in range(100)))

    assert asyncio.run(ask_all()) == [f"canary{n} sings " for n in range(100)]


def test_tokens_are_counted_as_the_message_reports_them(sdk: Anthropic, worker: FakeWorker) -> None:
    counted = sdk.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "Hello there"}])
    message = sdk.messages.create(model=MODEL, max_tokens=50, messages=[{"role": "user", "content": "Hello there"}])

    assert counted.input_tokens == message.usage.input_tokens


@pytest.mark.parametrize(("read", "written"), [(7, 5), (0, 20)])
def test_what_came_from_the_cache_is_told_apart_streamed_or_not(
    sdk: Anthropic, worker: FakeWorker, read: int, written: int
) -> None:
    asked: list[MessageParam] = [{"role": "user", "content": f"cached {read} {written}"}]
    whole = sdk.messages.create(model=MODEL, max_tokens=50, messages=asked).usage
    with sdk.messages.stream(model=MODEL, max_tokens=50, messages=asked) as stream:
        streamed = stream.get_final_message().usage
    counted = sdk.messages.count_tokens(model=MODEL, messages=asked)

    for usage in (whole, streamed):
        assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (read, written)
        assert usage.input_tokens + read + written == counted.input_tokens


def test_models_are_listed_and_found(sdk: Anthropic) -> None:
    listed = list(sdk.models.list(limit=1000))

    assert [model.id for model in listed] == [MODEL]
    assert sdk.models.retrieve("claude-sonnet-4-5").id == MODEL
    assert listed[0].max_input_tokens == CONTEXT_TOKENS
    assert listed[0].capabilities is not None
    assert listed[0].capabilities.thinking.supported is True
    assert listed[0].lifecycle == "active"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("api_error", anthropic.InternalServerError),
        ("overloaded_error", anthropic.APIStatusError),
        ("timeout_error", anthropic.APIStatusError),
    ],
)
def test_a_failed_answer_raises_the_sdks_error(
    sdk: Anthropic, worker: FakeWorker, kind: str, expected: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(expected) as raised:
        sdk.messages.create(model=MODEL, max_tokens=50, messages=[{"role": "user", "content": f"fail {kind}"}])

    assert raised.value.request_id is not None
    assert "It was scripted to fail." in str(raised.value)


def test_a_failure_in_a_stream_raises_too(sdk: Anthropic, worker: FakeWorker) -> None:
    with (
        pytest.raises(anthropic.APIStatusError, match="It was scripted to fail"),
        sdk.messages.stream(
            model=MODEL, max_tokens=50, messages=[{"role": "user", "content": "fail api_error"}]
        ) as stream,
    ):
        stream.get_final_message()


def test_the_callers_mistakes_raise_what_the_sdk_has_for_them(server: ApiServer, sdk: Anthropic) -> None:
    hello: list[MessageParam] = [{"role": "user", "content": "hi"}]
    with pytest.raises(anthropic.NotFoundError, match="model: gpt-9"):
        sdk.messages.create(model="gpt-9", max_tokens=5, messages=hello)
    with pytest.raises(anthropic.BadRequestError, match="messages: at least one message is required"):
        sdk.messages.create(model=MODEL, max_tokens=5, messages=[])
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 5017 tokens > 2000 maximum"):
        sdk.messages.create(model=MODEL, max_tokens=5, messages=[{"role": "user", "content": "x" * 5000}])
    with (
        Anthropic(base_url=server.url, api_key="wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"),
    ):
        stranger.messages.create(model=MODEL, max_tokens=5, messages=hello)


def test_a_failure_that_would_repeat_itself_is_not_sent_again(server: ApiServer, worker: FakeWorker) -> None:
    with (
        Anthropic(base_url=server.url, api_key=KEY, max_retries=2) as sdk,
        pytest.raises(anthropic.InternalServerError),
    ):
        sdk.messages.create(model=MODEL, max_tokens=5, messages=[{"role": "user", "content": "fail api_error"}])

    assert len(worker.taken) == 1
