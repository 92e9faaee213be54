import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_config import events
from queue_config.event_log import Position, parse_frame
from queue_config.events import Canceled, Delta, Event, Expired, Failed, Finished, Started
from queue_config.pieces import TextPiece, ThinkingPiece, ToolInput, ToolStart
from queue_config.request import GenerationRequest, SamplingParams


def test_a_request_survives_the_queue() -> None:
    request = GenerationRequest(
        id="msg_1", model="m", prompt=(1, 2, 3), created_at=1.5, deadline_at=2.5, lane="batch",
        salt="6c", boundaries=(1, 2),
        sampling=SamplingParams(max_tokens=3, temperature=0.5, top_p=0.9, top_k=4, stop=("a", "\n"), seed=2**63 - 1),
    )  # fmt: skip

    assert GenerationRequest.from_json(request.to_json()) == request


@pytest.mark.parametrize(
    "event",
    [
        Started(2, "gpu0.1"), Finished("stop_sequence", 3, "x"), Finished("end_turn", 0), Finished("tool_use", 4),
        Delta((1, 2), (ThinkingPiece("hm"), TextPiece("é\u2028\0"), ToolStart("toolu_1", "f"), ToolInput('{"a"'))),
        Finished("end_turn", 1, cache_read_tokens=5, cache_written_tokens=6),
        Failed("api_error", "why"), Canceled(1), Expired(2),
    ],
)  # fmt: skip
def test_an_event_survives_the_log(event: Event) -> None:
    assert events.load(events.dump(event)) == event


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 999), st.text(st.characters(codec="utf-8")))))
def test_a_frame_is_split_where_it_was_joined(items: list[tuple[int, int, str]]) -> None:
    parts = [
        (f"msg_{i}", Position(a, s), events.dump(Delta((), (TextPiece(text),)))) for i, (a, s, text) in enumerate(items)
    ]
    frame = b"\0".join(part for job, at, payload in parts for part in (job.encode(), str(at).encode(), payload))

    assert list(parse_frame(frame)) == parts
