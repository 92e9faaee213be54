"""The official SDK against the real service with the real model."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from anthropic import Anthropic, BadRequestError, NotFoundError
from anthropic.types import Message, MessageParam

from tests.support.service import Service

MODEL = "smollm2-135m-instruct"
CAPITAL: list[MessageParam] = [
    {"role": "user", "content": "What is the capital of France? Answer in one short sentence."}
]
GREEDY: dict[str, Any] = {"extra_headers": {"anthropic-version": "2023-06-01"}, "extra_body": {"temperature": 0}}


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def prompt_tokens(message: Message) -> int:
    usage = message.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return usage.input_tokens + cached


def test_a_whole_answer(client: Anthropic) -> None:
    message = client.messages.create(model=MODEL, max_tokens=30, messages=CAPITAL, **GREEDY)

    assert "Paris" in text_of(message)
    assert (message.model, message.role, message.stop_reason) == (MODEL, "assistant", "end_turn")
    assert prompt_tokens(message) > 20
    assert 3 < message.usage.output_tokens <= 30


def test_a_streamed_answer_is_the_whole_one(client: Anthropic) -> None:
    whole = client.messages.create(model=MODEL, max_tokens=30, messages=CAPITAL, **GREEDY)
    with client.messages.stream(model=MODEL, max_tokens=30, messages=CAPITAL, **GREEDY) as stream:
        pieces = list(stream.text_stream)
        streamed = stream.get_final_message()

    assert len(pieces) > 1
    assert "".join(pieces) == text_of(streamed) == text_of(whole)
    assert prompt_tokens(streamed) == prompt_tokens(whole)
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert streamed.stop_reason == whole.stop_reason


def test_input_tokens_are_told_at_once_and_equal_the_count(client: Anthropic) -> None:
    counted = client.messages.count_tokens(model=MODEL, messages=CAPITAL)
    with client.messages.stream(model=MODEL, max_tokens=5, messages=CAPITAL) as stream:
        first = next(iter(stream))

    assert first.type == "message_start"
    assert first.message.usage.input_tokens == counted.input_tokens


def test_the_next_turn_reads_the_last_one_from_the_cache(client: Anthropic) -> None:
    first = client.messages.create(model=MODEL, max_tokens=30, messages=CAPITAL, **GREEDY)
    turns: list[MessageParam] = [
        *CAPITAL,
        {"role": "assistant", "content": text_of(first)},
        {"role": "user", "content": "And of Italy?"},
    ]
    second = client.messages.create(model=MODEL, max_tokens=5, messages=turns, **GREEDY)
    counted = client.messages.count_tokens(model=MODEL, messages=turns)

    assert prompt_tokens(second) == counted.input_tokens
    assert (second.usage.cache_read_input_tokens or 0) >= prompt_tokens(first)
    assert (second.usage.cache_creation_input_tokens or 0) > 0


def test_any_claude_name_is_served_and_the_answer_says_by_whom(client: Anthropic) -> None:
    message = client.messages.create(model="claude-sonnet-5-5", max_tokens=1, messages=CAPITAL)

    assert message.model == MODEL
    assert message.stop_reason == "max_tokens"


def test_stop_sequences_end_an_answer_and_are_named(client: Anthropic) -> None:
    message = client.messages.create(
        model=MODEL, max_tokens=30, messages=CAPITAL, stop_sequences=["Paris", "never"], **GREEDY
    )

    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "Paris")
    assert "Paris" not in text_of(message)


def test_eight_at_once_with_different_sampling(client: Anthropic) -> None:
    def ask(i: int) -> tuple[str, str | None]:
        body: dict[str, float] = [{"temperature": 0}, {"temperature": 1}, {"top_p": 0.5}, {"top_k": 5}][i % 4]  # type: ignore[assignment]
        with client.messages.stream(
            model=MODEL,
            max_tokens=20,
            messages=[{"role": "user", "content": f"Write a sentence about the number {i}."}],
            extra_headers={"anthropic-version": "2023-06-01"},
            extra_body=body,
        ) as stream:
            return "".join(stream.text_stream), stream.get_final_message().stop_reason

    alone = ask(0)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, range(8)))

    assert together[0] == alone, "greedy output in a batch equals greedy output alone"
    assert all(text for text, _ in together)
    assert {reason for _, reason in together} <= {"end_turn", "max_tokens"}


def test_models_are_listed(client: Anthropic) -> None:
    listed = list(client.models.list())

    assert [model.id for model in listed] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(NotFoundError):
        client.models.retrieve("gpt-4")


def test_an_over_long_prompt_is_the_error_that_makes_clients_compact(client: Anthropic) -> None:
    with pytest.raises(BadRequestError, match=r"prompt is too long: \d+ tokens > 8192 maximum"):
        client.messages.create(model=MODEL, max_tokens=5, messages=[{"role": "user", "content": "word " * 9000}])


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"{not json", 400, "invalid_request_error"),
        (b'{"model": "smollm2-135m-instruct"}', 400, "invalid_request_error"),
        ({"model": MODEL, "max_tokens": "5", "messages": CAPITAL}, 400, "invalid_request_error"),
        ({"model": MODEL, "max_tokens": True, "messages": CAPITAL}, 400, "invalid_request_error"),
        ({"model": MODEL, "max_tokens": 5, "messages": []}, 400, "invalid_request_error"),
        ({"model": "/etc/passwd", "max_tokens": 5, "messages": CAPITAL}, 404, "not_found_error"),
        (rb'{"model":"x","max_tokens":5,"system":"\ud800","messages":[]}', 400, "invalid_request_error"),
    ],
)  # fmt: skip
def test_bad_requests_are_refused_and_the_worker_is_untouched(
    service: Service, body: object, status: int, kind: str
) -> None:
    before = service.pid("worker")

    answered, error = service.post("/v1/messages", body)

    assert (answered, error["type"], error["error"]["type"]) == (status, "error", kind)
    assert error["request_id"].startswith("req_")
    assert service.pid("worker") == before


def test_a_client_that_leaves_frees_its_slot_within_two_seconds(client: Anthropic, service: Service) -> None:
    story: list[MessageParam] = [{"role": "user", "content": "Count from one to one thousand, one number a line."}]
    with client.messages.stream(model=MODEL, max_tokens=2000, messages=story) as stream:
        events = iter(stream)
        job_id = next(event.message.id for event in events if event.type == "message_start")
        next(event for event in events if event.type == "text")
    left_at = time.monotonic()
    job = service.wait_for(f"/v1/jobs/{job_id}", "status", "canceled")

    assert time.monotonic() - left_at < 2
    assert job["progress"]["output_tokens"] < 2000
