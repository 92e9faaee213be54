"""Reading streams for the benchmark."""

import time

import pytest

from deploy.bench import Measurement, Stream, follow, summary
from deploy.failure import Failure


def test_a_stream_s_tokens_are_those_that_the_usage_states() -> None:
    lines = [
        b"event: content_block_delta\n",
        b'data: {"type":"content_block_delta"}\n',
        b'data: {"type":"message_delta","usage":{"output_tokens":7}}\n',
        b'data: {"type":"message_stop"}\n',
    ]
    stream = follow(lines, started=time.monotonic())

    assert stream.output_tokens == 7
    assert 0 <= stream.first_text_s <= stream.end_s


@pytest.mark.parametrize(
    ("lines", "failure"),
    [([b'data: {"type":"error","error":{"message":"no room"}}\n'], "no room"), ([b": ping\n"], "without message_stop")],
)
def test_a_stream_that_ends_badly_is_no_measurement(lines: list[bytes], failure: str) -> None:
    with pytest.raises(Failure, match=failure):
        follow(lines, started=0.0)


def test_the_rate_is_of_all_streams_together() -> None:
    done = [Stream(60, 0.5, 2.0), Stream(40, 0.7, 4.0)]

    assert summary(done, took_s=4.0) == Measurement(2, 25.0, 0.6, 100)
