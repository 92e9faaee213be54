"""Chunks: whatever the worker wrote, what OpenAI's SDK makes of the stream is the whole answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types import Completion
from openai.types.chat import ChatCompletionChunk

from api.wire_openai import chat_answer, sse, text_completion
from api.wire_openai.chat_chunks import ChatChunks
from api.wire_openai.errors import envelope
from api.wire_openai.head import CompletionHead
from api.wire_openai.text_completion import TextChunks
from queue_config.errors import PensieveError
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished, Started, StopReason
from queue_config.pieces import Piece, TextPiece, ThinkingPiece, ToolInput, ToolStart

HEAD = CompletionHead("msg_1", "readable-1b", 1_795_304_542, 12)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
reasons: st.SearchStrategy[StopReason] = st.sampled_from(
    ["end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded"]
)
finishes = st.builds(
    Finished,
    reason=reasons,
    output_tokens=st.integers(0, 9),
    cache_read_tokens=st.integers(0, 12),
    thinking_tokens=st.integers(0, 9),
)
failures: st.SearchStrategy[Event] = st.one_of(
    st.builds(Failed, kind=st.sampled_from(["api_error", "overloaded_error"]), message=texts),
    st.builds(Canceled, output_tokens=st.just(1)),
    st.builds(Expired, output_tokens=st.just(1)),
)


calls = st.builds(
    lambda name, inputs: [ToolStart(f"toolu_{name}", name), *inputs],
    st.sampled_from(["f", "g"]),
    st.lists(st.builds(ToolInput, texts), max_size=3),
)
blocks: st.SearchStrategy[list[Piece]] = st.one_of(
    st.builds(lambda text: [TextPiece(text)], texts), st.builds(lambda text: [ThinkingPiece(text)], texts), calls
)


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """Blocks in any order, their pieces in deltas of any size, and a second attempt that goes on."""
    pieces = [piece for block in draw(st.lists(blocks, max_size=5)) for piece in block]
    size = draw(st.integers(1, 4))
    deltas = [Delta((1,), tuple(pieces[at : at + size])) for at in range(0, len(pieces), size)]
    return [Started(1, "w"), *deltas[:2], Delta((2,)), Started(2, "w"), *deltas[2:]]


def chunks_of(events: list[Event], *, include_usage: bool = True) -> list[dict[str, Any]]:
    stream = ChatChunks(HEAD, include_usage=include_usage)
    return [*stream.start(), *(chunk for event in events for chunk in stream.fold(event))]


@given(answers(), finishes)
def test_the_sdk_accumulates_a_stream_to_the_whole_answer(events: list[Event], end: Finished) -> None:
    state = ChatCompletionStreamState()
    for chunk in chunks_of([*events, end]):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    snapshot: Any = state.current_completion_snapshot.to_dict()

    whole = chat_answer.fold(HEAD, [*events, end])
    (choice,) = snapshot["choices"]
    message = choice["message"] | {"content": choice["message"].get("content") or None}
    for call in message.get("tool_calls") or []:
        # The snapshot adds places of its own.
        call.pop("index")
        call["function"].pop("parsed_arguments", None)
    expected = whole["choices"][0]["message"]
    assert {name: message.get(name) for name in expected} == expected | {"content": expected["content"] or None}
    assert choice["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert snapshot["usage"] == whole["usage"]


@given(answers(), failures)
def test_an_answer_that_fails_is_one_error_at_the_end(events: list[Event], end: Event) -> None:
    *before, last = chunks_of([*events, end])

    with pytest.raises(PensieveError) as raised:
        chat_answer.fold(HEAD, [*events, end])
    assert last == envelope(raised.value)
    assert all("error" not in chunk for chunk in before)


@given(answers(), finishes)
def test_only_who_asks_for_usage_gets_it(events: list[Event], end: Finished) -> None:
    without = chunks_of([*events, end], include_usage=False)
    *chunks, last = chunks_of([*events, end])

    assert [chunk | {"usage": None} for chunk in without] == chunks
    assert last["choices"] == []


def test_a_stream_looks_as_the_api_documents_it() -> None:
    events: list[Event] = [
        Started(1, "w"),
        Delta((1,), (TextPiece("Hi"),)),
        Delta((2,)),
        Delta((3,), (ToolStart("toolu_1", "f"),)),
        Delta((4,), (ToolStart("toolu_2", "g"), ToolInput("{}"))),
        Finished("tool_use", 4),
    ]

    chunks = chunks_of(events, include_usage=False)

    def call(index: int, tool_id: str, name: str) -> dict[str, Any]:
        return {"index": index, "id": tool_id, "type": "function", "function": {"name": name, "arguments": ""}}

    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Hi"},
        {"tool_calls": [call(0, "call_1", "f")]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
        {"tool_calls": [call(1, "call_2", "g")]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [*[None] * 6, "tool_calls"]
    assert {chunk["id"] for chunk in chunks} == {"chatcmpl-1"}


@pytest.mark.parametrize(("reason", "arguments"), [("tool_use", "{}"), ("max_tokens", "")])
def test_a_call_that_was_cut_off_is_not_completed(reason: StopReason, arguments: str) -> None:
    whole = chat_answer.fold(HEAD, [Delta((1,), (ToolStart("toolu_1", "f"),)), Finished(reason, 1)])

    assert whole["choices"][0]["message"]["tool_calls"][0]["function"] == {"name": "f", "arguments": arguments}


@given(answers(), finishes.filter(lambda end: end.reason != "tool_use"))
def test_older_completions_accumulate_to_the_whole_text(events: list[Event], end: Finished) -> None:
    stream = TextChunks(HEAD, include_usage=True)
    *chunks, last = [
        Completion.construct(**chunk)
        for chunk in [*stream.start(), *(chunk for event in [*events, end] for chunk in stream.fold(event))]
    ]

    whole = text_completion.fold(HEAD, [*events, end])
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole["choices"][0]["text"]
    assert chunks[-1].choices[0].finish_reason == whole["choices"][0]["finish_reason"]
    assert last.usage is not None
    assert last.usage.to_dict() == whole["usage"]


@given(texts)
def test_an_event_is_one_line_of_ascii_whatever_the_text(text: str) -> None:
    written = sse.encode({"content": text}).decode("ascii")

    assert written.splitlines() == [written.removesuffix("\n\n"), ""]
    assert written.startswith("data: {")
