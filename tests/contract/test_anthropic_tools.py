"""Tools, thinking and structured outputs through the official SDK's own helpers, with a scripted model."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pydantic
import pytest
from anthropic import Anthropic, AsyncAnthropic, beta_async_tool, beta_tool
from anthropic.types import MessageParam, ToolParam
from anthropic.types.beta import BetaMessageParam

from tests.contract.conftest import KEY
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL
from tests.support.api_server import ApiServer

WEATHER: ToolParam = {
    "name": "weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALL = [
    ["thinking", "Where is Ulm?"],
    ["text", "Let me look."],
    ["tool", "toolu_1", "weather"],
    ["input", '{"ci'],
    ["input", 'ty": "Ulm"}'],
    ["tool", "toolu_2", "weather"],
    ["input", '{"city": "Köln"}'],
]


class City(pydantic.BaseModel):
    name: str
    inhabitants: int


@pytest.fixture
def sdk(server: ApiServer) -> Iterator[Anthropic]:
    with Anthropic(base_url=server.url, api_key=KEY, max_retries=0) as sdk:
        yield sdk


def asks(pieces: list[list[str]], reason: str = "tool_use") -> list[MessageParam]:
    """Messages that make the scripted worker answer with these pieces."""
    return [{"role": "user", "content": f"answer {reason} {json.dumps(pieces)}"}]


def beta_asks(pieces: list[list[str]]) -> list[BetaMessageParam]:
    return [{"role": "user", "content": f"answer tool_use {json.dumps(pieces)}"}]


def test_a_whole_answer_has_its_thinking_text_and_calls(sdk: Anthropic, worker: FakeWorker) -> None:
    message = sdk.messages.create(
        model=MODEL, max_tokens=50, messages=asks(CALL), tools=[WEATHER], thinking={"type": "adaptive"}
    )

    thinking, text, *calls = message.content
    assert thinking.type == "thinking"
    assert (thinking.thinking, thinking.signature != "") == ("Where is Ulm?", True)
    assert text.to_dict() == {"type": "text", "text": "Let me look."}
    assert [call.to_dict() for call in calls] == [
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Ulm"}},
        {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {"city": "Köln"}},
    ]
    assert (message.stop_reason, message.usage.output_tokens) == ("tool_use", len(CALL))
    assert message.usage.output_tokens_details is not None
    assert message.usage.output_tokens_details.thinking_tokens == 1


def test_a_streamed_answer_accumulates_to_the_same_and_shows_arguments_as_they_grow(
    sdk: Anthropic, worker: FakeWorker
) -> None:
    asked: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 50,
        "messages": asks(CALL),
        "tools": [WEATHER],
        "thinking": {"type": "adaptive"},
    }
    whole = sdk.messages.create(**asked)
    with sdk.messages.stream(**asked) as stream:
        events = list(stream)
        final = stream.get_final_message()

    grown = [(event.partial_json, event.snapshot) for event in events if event.type == "input_json"]
    assert [piece for piece, _ in grown] == ['{"ci', 'ty": "Ulm"}', '{"city": "Köln"}']
    assert grown[1][1] == {"city": "Ulm"}
    assert [event.thinking for event in events if event.type == "thinking"] == ["Where is Ulm?"]
    assert final.to_dict() | {"id": whole.id} == whole.to_dict()


def test_async_streams_accumulate_too(server: ApiServer, worker: FakeWorker) -> None:
    async def ask() -> list[str]:
        async with (
            AsyncAnthropic(base_url=server.url, api_key=KEY, max_retries=0) as sdk,
            sdk.messages.stream(model=MODEL, max_tokens=50, messages=asks(CALL), tools=[WEATHER]) as stream,
        ):
            return [block.type for block in (await stream.get_final_message()).content]

    assert asyncio.run(ask()) == ["thinking", "text", "tool_use", "tool_use"]


@pytest.mark.parametrize("cut", ['{"city": "Ul', '{"city": "Ulm", "da', "{", ""])
def test_a_call_that_was_cut_off_is_an_object_all_the_same(sdk: Anthropic, worker: FakeWorker, cut: str) -> None:
    asked: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 50,
        "messages": asks([["tool", "toolu_1", "weather"], ["input", cut]], "max_tokens"),
        "tools": [WEATHER],
    }
    whole = sdk.messages.create(**asked)
    with sdk.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()

    (call,) = whole.content
    (again,) = streamed.content
    assert call.type == again.type == "tool_use"
    assert isinstance(call.input, dict)
    assert call.input == again.input
    assert whole.stop_reason == streamed.stop_reason == "max_tokens"


def test_the_tool_runner_falls_back_from_threads_and_runs_to_the_end(sdk: Anthropic, worker: FakeWorker) -> None:
    asked_for: list[str] = []

    @beta_tool
    def weather(city: str) -> str:
        """Tells the weather.

        Args:
            city: Where.
        """
        asked_for.append(city)
        return f"Rain in {city}."

    runner = sdk.beta.messages.tool_runner(model=MODEL, max_tokens=50, messages=beta_asks(CALL), tools=[weather])
    last = runner.until_done()

    assert asked_for == ["Ulm", "Köln"]
    assert [block.to_dict() for block in last.content] == [{"type": "text", "text": "done"}]
    # Both requests that were answered had the whole conversation.
    assert [text_of(worker, n).count("<user>") for n in (0, 1)] == [1, 2]
    assert '<call>weather {"city": "Ulm"}<call>weather {"city": "Köln"}' in text_of(worker, 1)
    assert text_of(worker, 1).endswith("<user><result>Rain in Ulm.<result>Rain in Köln.<assistant>")


def test_the_async_tool_runner_does_too(server: ApiServer, worker: FakeWorker) -> None:
    @beta_async_tool
    async def weather(city: str) -> str:
        """Tells the weather."""
        return f"Rain in {city}."

    async def run() -> list[dict[str, object]]:
        async with AsyncAnthropic(base_url=server.url, api_key=KEY, max_retries=0) as sdk:
            runner = sdk.beta.messages.tool_runner(
                model=MODEL, max_tokens=50, messages=beta_asks(CALL), tools=[weather]
            )
            return [block.to_dict() for block in (await runner.until_done()).content]

    assert asyncio.run(run()) == [{"type": "text", "text": "done"}]


def test_thinking_goes_round_omitted_or_not(sdk: Anthropic, worker: FakeWorker) -> None:
    for display in ("summarized", "omitted"):
        asked = asks([["thinking", "Secret thoughts."], ["text", "Hi."]], "end_turn")
        with sdk.messages.stream(
            model=MODEL, max_tokens=50, messages=asked, thinking={"type": "adaptive", "display": display}
        ) as stream:
            answer = stream.get_final_message()
        history: list[MessageParam] = [
            *asked,
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": "and now?"},
        ]
        sdk.messages.create(model=MODEL, max_tokens=50, messages=history)

        assert answer.content[0].type == "thinking"
        assert answer.content[0].thinking == ("" if display == "omitted" else "Secret thoughts.")
        assert "<assistant><thought>Secret thoughts.Hi.<user>and now?" in text_of(worker, -1)


def test_structured_outputs_are_parsed_into_the_callers_class(sdk: Anthropic, worker: FakeWorker) -> None:
    said = asks([["text", '{"name": "Ulm", '], ["text", '"inhabitants": 129000}']], "end_turn")
    parsed = sdk.messages.parse(model=MODEL, max_tokens=50, messages=said, output_format=City)
    with sdk.messages.stream(model=MODEL, max_tokens=50, messages=said, output_format=City) as stream:
        streamed = stream.get_final_message()

    assert parsed.parsed_output == streamed.parsed_output == City(name="Ulm", inhabitants=129000)
    assert all("inhabitants" in request.answer.grammar for request in worker.taken)


def test_counting_sees_tools_system_thinking_and_schemas(sdk: Anthropic, worker: FakeWorker) -> None:
    asked: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hello there"}],
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [WEATHER],
        "tool_choice": {"type": "auto"},
        "thinking": {"type": "adaptive"},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    }
    counted = sdk.messages.count_tokens(**asked).input_tokens
    plain = sdk.messages.count_tokens(model=MODEL, messages=asked["messages"]).input_tokens
    usage = sdk.messages.create(max_tokens=50, **asked).usage

    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    assert counted == usage.input_tokens + cached
    assert counted > plain


def test_many_counts_at_once_are_all_right(server: ApiServer) -> None:
    async def count_all() -> list[int]:
        async with AsyncAnthropic(base_url=server.url, api_key=KEY, max_retries=0) as sdk:
            counts = (
                sdk.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "x" * n}], tools=[])
                for n in range(1, 25)
            )
            return [counted.input_tokens for counted in await asyncio.gather(*counts)]

    assert asyncio.run(count_all()) == [n + len("<user><assistant>") for n in range(1, 25)]


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
def test_both_api_versions_are_spoken(server: ApiServer, worker: FakeWorker, version: str) -> None:
    with Anthropic(
        base_url=server.url, api_key=KEY, max_retries=0, default_headers={"anthropic-version": version}
    ) as sdk:
        answered = sdk.messages.create(model=MODEL, max_tokens=50, messages=[{"role": "user", "content": "Hello"}])
        extra = {"temperature": 0.5}
        if version == "2026-10-21":
            with pytest.raises(anthropic.BadRequestError, match="temperature: Extra inputs are not permitted"):
                sdk.messages.create(
                    model=MODEL, max_tokens=5, messages=[{"role": "user", "content": "Hello"}], extra_body=extra
                )
        else:
            sdk.messages.create(
                model=MODEL, max_tokens=5, messages=[{"role": "user", "content": "Hello"}], extra_body=extra
            )

    assert answered.stop_reason == "end_turn"
    assert [request.sampling.temperature for request in worker.taken] == (
        [1.0] if version == "2026-10-21" else [1.0, 0.5]
    )


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_both_ways_of_sending_the_key_are_taken(server: ApiServer, header: str) -> None:
    given: dict[str, str] = {"api_key": KEY} if header == "x-api-key" else {"auth_token": KEY}
    with Anthropic(base_url=server.url, max_retries=0, **given) as sdk:  # type: ignore[arg-type]
        assert sdk.models.retrieve(MODEL).id == MODEL


def test_server_tools_are_refused_by_name(sdk: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"tools\.0: the tool 'web_search'"):
        sdk.messages.create(
            model=MODEL,
            max_tokens=5,
            messages=[{"role": "user", "content": "Hello"}],
            tools=[{"type": "web_search_20250305", "name": "web_search"}],
        )


def test_betas_that_nobody_knows_are_no_trouble(sdk: Anthropic, worker: FakeWorker) -> None:
    message = sdk.beta.messages.create(
        model=MODEL,
        max_tokens=50,
        messages=[{"role": "user", "content": "Hello"}],
        betas=["context-management-2025-06-27", "invented-2031-01-01"],
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        extra_body={"invented": {"a": 1}},
    )

    assert message.context_management is not None
    assert message.context_management.applied_edits == []


def text_of(worker: FakeWorker, number: int) -> str:
    """A request's prompt."""
    return "".join(map(chr, worker.taken[number].prompt))
