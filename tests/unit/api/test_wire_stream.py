"""Streams: every log folds to a legal one, and a reader can go on from any frame."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.wire import message, sse
from api.wire.frame_id import BEFORE_ALL, FrameId
from api.wire.message import MessageHead
from api.wire.stream import Frame, MessageStream
from queue_config.errors import DeadlinePassed, GenerationFailed, InvalidRequest, PensieveError
from queue_config.event_log import Entry, Position
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished, Started, Terminal
from tests.support import api_stream_grammar as grammar

HEAD = MessageHead("msg_1", "readable-1b", 12)

deltas = st.builds(
    Delta,
    tokens=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
ends: st.SearchStrategy[Terminal] = st.one_of(
    st.builds(
        Finished,
        reason=st.sampled_from(["end_turn", "max_tokens"]),
        output_tokens=st.integers(0, 99),
        cache_read_tokens=st.integers(0, 6),
        cache_written_tokens=st.integers(0, 6),
    ),
    st.just(Finished("stop_sequence", 3, "END")),
    st.builds(Failed, kind=st.sampled_from(["api_error", "overloaded_error"]), message=st.text(max_size=5)),
    st.builds(Canceled, output_tokens=st.integers(0, 9)),
    st.builds(Expired, output_tokens=st.integers(0, 9)),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Entry]:
    """A log as workers leave one: attempts that each start and say something, then one end."""
    entries: list[Entry] = []
    seq = 0
    for attempt in range(1, draw(st.integers(1, 3)) + 1):
        started: list[Event] = [Started(attempt, "w")]
        for event in [*started, *draw(st.lists(deltas, max_size=5))]:
            seq += 1
            entries.append(Entry(HEAD.id, Position(attempt, seq), event))
    return [*entries, Entry(HEAD.id, Position(entries[-1].position.attempt, seq + 1), draw(ends))]


def read(log: list[Entry], after: FrameId = BEFORE_ALL) -> list[tuple[FrameId, Frame]]:
    stream = MessageStream(HEAD, "req_1", after)
    return [*stream.start(), *(frame for entry in log for frame in stream.fold(entry))]


def whole(log: list[Entry]) -> Frame | PensieveError:
    try:
        return message.fold(HEAD, [entry.event for entry in log])
    except PensieveError as error:
        return error


@given(logs())
def test_every_log_folds_to_a_legal_stream_of_the_same_message(log: list[Entry]) -> None:
    streamed = grammar.read([frame for _, frame in read(log)])

    expected = whole(log)
    if isinstance(expected, PensieveError):
        assert streamed["error"] == {"type": expected.kind, "message": str(expected)}
    else:
        assert streamed == expected


@given(logs())
def test_a_reader_who_comes_back_gets_exactly_what_is_left(log: list[Entry]) -> None:
    everything = read(log)

    for seen, (last, _) in enumerate(everything, start=1):
        assert read(log, FrameId.parse(str(last))) == everything[seen:]


@given(logs())
def test_frame_ids_only_grow(log: list[Entry]) -> None:
    ids = [frame_id for frame_id, _ in read(log)]

    assert ids == sorted(set(ids))


def test_a_stream_looks_as_the_api_documents_it() -> None:
    events: list[Event] = [Started(1, "w"), Delta((1,), ""), Delta((2,), "Hi"), Finished("end_turn", 2)]
    log = [Entry(HEAD.id, Position(1, seq), event) for seq, event in enumerate(events, start=1)]

    frames = read(log)

    assert [(str(frame_id), frame["type"]) for frame_id, frame in frames] == [
        ("0-0.0", "message_start"),
        ("1-3.0", "content_block_start"),
        ("1-3.1", "content_block_delta"),
        ("1-4.0", "content_block_stop"),
        ("1-4.1", "message_delta"),
        ("1-4.2", "message_stop"),
    ]
    assert frames[4][1]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None}
    assert frames[4][1]["usage"]["input_tokens"] == 12
    assert frames[4][1]["usage"]["output_tokens"] == 2


@pytest.mark.parametrize(("read_tokens", "written_tokens"), [(0, 0), (0, 12), (7, 5), (7, 2), (11, 0)])
def test_the_input_counts_are_disjoint_and_sum_up_to_the_prompt(read_tokens: int, written_tokens: int) -> None:
    end = Finished("end_turn", 2, cache_read_tokens=read_tokens, cache_written_tokens=written_tokens)
    log = [Entry(HEAD.id, Position(1, 1), end)]
    final = message.fold(HEAD, [end])["usage"]
    started, corrected = (frame for _, frame in read(log) if frame["type"] in {"message_start", "message_delta"})

    assert started["message"]["usage"]["input_tokens"] == 12
    assert corrected["usage"] == final
    assert final["cache_read_input_tokens"] == read_tokens
    assert final["cache_creation_input_tokens"] == written_tokens == sum(final["cache_creation"].values())
    assert final["input_tokens"] == 12 - read_tokens - written_tokens


def test_an_answer_without_text_has_no_blocks() -> None:
    log = [Entry(HEAD.id, Position(1, 1), Finished("max_tokens", 0))]

    assert whole(log) == message.empty_message(HEAD) | {"stop_reason": "max_tokens"}
    assert [frame["type"] for _, frame in read(log)] == ["message_start", "message_delta", "message_stop"]


@pytest.mark.parametrize(
    ("end", "kind", "status", "should_retry"),
    [
        (Failed("api_error", "NaN"), "api_error", 500, False),
        (Failed("overloaded_error", "draining"), "overloaded_error", 529, None),
        (Canceled(1), "api_error", 500, False),
        (Expired(1), "timeout_error", 504, None),
    ],
)
def test_a_log_without_an_answer_is_an_error_with_its_status(
    end: Terminal, kind: str, status: int, should_retry: bool | None
) -> None:
    with pytest.raises((GenerationFailed, DeadlinePassed)) as raised:
        message.fold(HEAD, [end])

    assert (raised.value.kind, raised.value.status, raised.value.should_retry) == (kind, status, should_retry)


@pytest.mark.parametrize("text", ["", "0", "1-2", "1-2.3.4", "-1-0.0", "1-2.x", "\u0661-2.3", "1-2.3\n"])
def test_a_foreign_last_event_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="last-event-id"):
        FrameId.parse(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_event_is_three_lines_of_ascii_whatever_the_text(text: str) -> None:
    frame = {"type": "content_block_delta", "delta": {"text": text}}

    event = sse.encode(frame, FrameId(1, 2, 3))

    head, frame_id, data, *rest = event.decode("ascii").splitlines()
    assert (head, frame_id, rest) == ("event: content_block_delta", "id: 1-2.3", [""])
    assert json.loads(data.removeprefix("data: ")) == frame
