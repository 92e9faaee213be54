"""Streams: every log folds to a legal one, and a reader can go on from any frame."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.wire import message, sse
from api.wire.frame_id import BEFORE_ALL, FrameId
from api.wire.message import MessageHead
from api.wire.seal import Seal
from api.wire.stream import Frame, MessageStream
from queue_config.errors import DeadlinePassed, GenerationFailed, InvalidRequest, PensieveError
from queue_config.event_log import Entry, Position
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished, Started, Terminal
from queue_config.pieces import Piece, TextPiece, ThinkingPiece, ToolInput, ToolStart
from tests.support import api_stream_grammar as grammar
from tests.support.answers import answers

HEAD = MessageHead("msg_1", "readable-1b", 12)
MANNERS = ("thinks", "thinking_omitted", "clamped", "applied_edits", "safeguards")

heads = st.sets(st.sampled_from(MANNERS)).map(lambda words: replace(HEAD, manner=tuple(sorted(words)), seal=Seal(b"k")))
ends: st.SearchStrategy[Terminal] = st.one_of(
    st.builds(
        Finished,
        reason=st.sampled_from(["end_turn", "max_tokens", "tool_use"]),
        output_tokens=st.integers(0, 99),
        cache_read_tokens=st.integers(0, 6),
        cache_written_tokens=st.integers(0, 6),
        thinking_tokens=st.integers(0, 9),
    ),
    st.just(Finished("stop_sequence", 3, "END")),
    st.builds(Failed, kind=st.sampled_from(["api_error", "overloaded_error"]), message=st.text(max_size=5)),
    st.builds(Canceled, output_tokens=st.integers(0, 9)),
    st.builds(Expired, output_tokens=st.integers(0, 9)),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Entry]:
    """A log as workers leave one: attempts that each start and say more of the answer, then one end."""
    pieces = draw(answers())
    entries: list[Entry] = []
    attempt = 0
    for starts, count in [
        (True, 1),
        *draw(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=6)),
        (False, 99),
    ]:
        if starts:
            attempt += 1
            entries.append(Entry(HEAD.id, Position(attempt, len(entries) + 1), Started(attempt, "w")))
        said, pieces = pieces[:count], pieces[count:]
        entries.append(Entry(HEAD.id, Position(attempt, len(entries) + 1), Delta((1,) * len(said), tuple(said))))
    return [*entries, Entry(HEAD.id, Position(attempt, len(entries) + 1), draw(ends))]


def read(log: list[Entry], after: FrameId = BEFORE_ALL, head: MessageHead = HEAD) -> list[tuple[FrameId, Frame]]:
    stream = MessageStream(head, "req_1", after)
    return [*stream.start(), *(frame for entry in log for frame in stream.fold(entry))]


def whole(log: list[Entry], head: MessageHead = HEAD) -> Frame | PensieveError:
    try:
        return message.fold(head, [entry.event for entry in log])
    except PensieveError as error:
        return error


@given(logs(), heads)
def test_every_log_folds_to_a_legal_stream_of_the_same_message(log: list[Entry], head: MessageHead) -> None:
    streamed = grammar.read([frame for _, frame in read(log, head=head)])

    expected = whole(log, head)
    if isinstance(expected, PensieveError):
        assert streamed["error"] == {"type": expected.kind, "message": str(expected)}
    else:
        assert streamed == expected


@given(logs(), heads)
def test_a_reader_who_comes_back_gets_exactly_what_is_left(log: list[Entry], head: MessageHead) -> None:
    everything = read(log, head=head)

    for seen, (last, _) in enumerate(everything, start=1):
        assert read(log, FrameId.parse(str(last)), head) == everything[seen:]


@given(logs(), heads)
def test_frame_ids_only_grow(log: list[Entry], head: MessageHead) -> None:
    ids = [frame_id for frame_id, _ in read(log, head=head)]

    assert ids == sorted(set(ids))


@given(logs(), heads, st.lists(st.booleans(), max_size=20), st.booleans())
def test_frames_that_keep_a_stream_alive_change_neither_its_message_nor_its_ids(
    log: list[Entry], head: MessageHead, silences: list[bool], may_open: bool
) -> None:
    stream = MessageStream(head, "req_1")
    frames: list[tuple[FrameId | None, Frame]] = [*stream.start()]
    for entry in log:
        is_silent = bool(silences) and silences.pop()
        if is_silent and (beat := stream.keep_alive(may_open=may_open)) is not None:
            frames.append((None, beat))
        frames += stream.fold(entry)

    message = grammar.read([frame for _, frame in frames], empty_deltas=True)
    expected = whole(log, head)
    if isinstance(expected, PensieveError):
        return
    if may_open:
        # A block that was opened for nothing stays empty.
        without = [block for block in message["content"] if not is_empty(block)]
        assert without == [block for block in expected["content"] if not is_empty(block)]
        assert message | {"content": []} == expected | {"content": []}
    else:
        assert message == expected
        assert [item for item in frames if item[0] is not None] == read(log, head=head)


def is_empty(block: Frame) -> bool:
    signed_nothing = {Seal(b"k").sign("", carry=carry) for carry in (True, False)}
    return block == {"type": "text", "text": ""} or block.get("signature") in signed_nothing


@given(logs(), st.integers(0, 30))
def test_a_reader_who_comes_back_is_not_sent_deltas_of_blocks_that_have_ended(log: list[Entry], seen: int) -> None:
    everything = read(log)
    after, _ = everything[min(seen, len(everything) - 1)]
    stream = MessageStream(HEAD, "req_1", after)

    for entry in log[:-1]:
        list(stream.fold(entry))
        beat = stream.keep_alive(may_open=False)
        last = [
            frame for frame_id, frame in everything if frame_id <= (entry.position.attempt, entry.position.seq, 99)
        ][-1]
        reached = after <= (entry.position.attempt, entry.position.seq, 99)
        assert beat is None or (reached and beat["index"] == last["index"])


def test_silence_before_the_first_token_opens_the_block_that_will_most_likely_come() -> None:
    thinker, talker = (MessageStream(replace(HEAD, manner=manner), "req_1") for manner in (("thinks",), ()))

    assert talker.keep_alive(may_open=False) is None
    assert talker.keep_alive(may_open=True) == {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    assert thinker.keep_alive(may_open=True) == {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "thinking", "thinking": "", "signature": ""},
    }
    assert thinker.keep_alive(may_open=False) == {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": ""},
    }


def test_thinking_text_and_calls_come_in_the_apis_own_order() -> None:
    head = replace(HEAD, manner=("thinks",), seal=Seal(b"k"))
    said: list[Piece] = [
        ThinkingPiece("Hm."),
        TextPiece("Let me look."),
        ToolStart("toolu_1", "Bash"),
        ToolInput('{"command":'),
        ToolInput(' "ls"}'),
        ToolStart("toolu_2", "Now"),
    ]
    log = [
        Entry(HEAD.id, Position(1, 1), Delta((1,), tuple(said))),
        Entry(HEAD.id, Position(1, 2), Finished("tool_use", 9)),
    ]

    frames = [frame for _, frame in read(log, head=head)]

    assert [
        (frame["type"], frame.get("index"), frame.get("content_block", frame.get("delta"))) for frame in frames[1:-2]
    ] == [
        ("content_block_start", 0, {"type": "thinking", "thinking": "", "signature": ""}),
        ("content_block_delta", 0, {"type": "thinking_delta", "thinking": "Hm."}),
        ("content_block_delta", 0, {"type": "signature_delta", "signature": head.seal.sign("Hm.", carry=False)}),
        ("content_block_stop", 0, None),
        ("content_block_start", 1, {"type": "text", "text": ""}),
        ("content_block_delta", 1, {"type": "text_delta", "text": "Let me look."}),
        ("content_block_stop", 1, None),
        ("content_block_start", 2, {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}),
        ("content_block_delta", 2, {"type": "input_json_delta", "partial_json": '{"command":'}),
        ("content_block_delta", 2, {"type": "input_json_delta", "partial_json": ' "ls"}'}),
        ("content_block_stop", 2, None),
        ("content_block_start", 3, {"type": "tool_use", "id": "toolu_2", "name": "Now", "input": {}}),
        ("content_block_stop", 3, None),
    ]
    assert frames[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None, "stop_details": None}


def test_omitted_thinking_leaves_only_a_signature_that_gives_it_back() -> None:
    head = replace(HEAD, manner=("thinking_omitted", "thinks"), seal=Seal(b"k"))
    log = [
        Entry(HEAD.id, Position(1, 1), Delta((1, 2), (ThinkingPiece("Secret "), ThinkingPiece("thoughts.")))),
        Entry(HEAD.id, Position(1, 2), Finished("end_turn", 2, thinking_tokens=2)),
    ]

    (block,) = message.fold(head, [entry.event for entry in log])["content"]
    deltas = [frame["delta"] for _, frame in read(log, head=head) if frame["type"] == "content_block_delta"]

    assert (block["thinking"], head.seal.open(block["signature"])) == ("", "Secret thoughts.")
    assert deltas == [{"type": "signature_delta", "signature": block["signature"]}]


def test_the_end_reports_what_was_asked_for() -> None:
    head = replace(HEAD, manner=("applied_edits", "clamped", "safeguards"))
    events: list[Event] = [
        Delta((1,), (ToolStart("toolu_1", "Bash"), ToolInput('{"command": "ls"}'))),
        Finished("max_tokens", 7, thinking_tokens=3),
    ]
    log = [Entry(HEAD.id, Position(1, seq), event) for seq, event in enumerate(events, start=1)]

    end = next(frame for _, frame in read(log, head=head) if frame["type"] == "message_delta")

    assert end["context_management"] == {"applied_edits": []}
    assert end["delta"]["stop_reason"] == "model_context_window_exceeded"
    assert end["delta"]["safeguard_results"][0]["status"]["tool_uses"] == {
        "toolu_1": {"type": "evaluated", "outcome": "not_flagged"}
    }
    assert end["usage"]["output_tokens_details"] == {"thinking_tokens": 3}


def test_a_stream_looks_as_the_api_documents_it() -> None:
    events: list[Event] = [Started(1, "w"), Delta((1,)), Delta((2,), (TextPiece("Hi"),)), Finished("end_turn", 2)]
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
