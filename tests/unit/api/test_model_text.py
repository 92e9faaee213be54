"""What a model writes can't become an event, a line or a field of its own, whichever way it is sent."""

import json

import orjson
import pytest

from api.wire import batch, sse
from api.wire.frame_id import FrameId
from api.wire.message import MessageHead, fold
from api.wire.stream import MessageStream
from api.wire_openai import sse as openai_sse
from queue_config.event_log import Entry, Position
from queue_config.events import Delta, Finished, Started
from queue_config.pieces import TextPiece, ThinkingPiece, ToolInput, ToolStart

TEXTS = [
    "\n\nevent: message_stop\ndata: {}\n\n",
    "\r\rdata: [DONE]\r\r",
    "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\0\x1b[2J",
    '"}}\n\nid: 9-9.9\nretry: 1',
    "</script>&\ufeff\U0001f600",
]
HEAD = MessageHead(id="msg_1", model="m", input_tokens=1)


@pytest.mark.parametrize("text", TEXTS)
def test_an_event_stream_has_the_events_that_were_sent_and_no_others(text: str) -> None:
    pieces = (ThinkingPiece(text), TextPiece(text), ToolStart("toolu_1", "f"), ToolInput(json.dumps({"a": text})))
    log = [
        Entry("msg_1", Position(1, 0), Started(1, "w")),
        Entry("msg_1", Position(1, 1), Delta((1,), pieces)),
        Entry("msg_1", Position(1, 2), Finished("tool_use", 1)),
    ]
    stream = MessageStream(HEAD, "req_1")
    sent = [*stream.start(), *(frame for entry in log for frame in stream.fold(entry))]
    wire = b"".join(sse.encode(frame, frame_id) for frame_id, frame in sent)
    lines = wire.decode("ascii").splitlines()

    assert [json.loads(line[6:]) for line in lines if line.startswith("data: ")] == [frame for _, frame in sent]
    assert [line[7:] for line in lines if line.startswith("event: ")] == [frame["type"] for _, frame in sent]
    assert [FrameId.parse(line[4:]) for line in lines if line.startswith("id: ")] == [place for place, _ in sent]
    assert {line.partition(": ")[0] for line in lines} == {"event", "id", "data", ""}


@pytest.mark.parametrize("text", TEXTS)
def test_a_chunk_is_one_line(text: str) -> None:
    (line, *rest) = openai_sse.encode({"content": text}).decode("ascii").splitlines()

    assert json.loads(line.removeprefix("data: ")) == {"content": text}
    assert rest == [""]


@pytest.mark.parametrize("text", TEXTS)
def test_a_result_of_a_batch_is_one_line(text: str) -> None:
    message = fold(HEAD, [Delta((1,), (TextPiece(text),)), Finished("end_turn", 1)])
    line = batch.succeeded("c", message)

    assert len(line.decode().splitlines()) == 1
    assert orjson.loads(line) == {"custom_id": "c", "result": {"type": "succeeded", "message": message}}
