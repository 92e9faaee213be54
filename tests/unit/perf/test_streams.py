"""Reading streams for the benchmarks."""

import threading

import pytest

from tests.perf.bench.streams import Enough, Stream, Together, Unfinished, p99


def test_gaps_are_those_whose_second_piece_came_in_the_time() -> None:
    stream = Stream(60, sent_at=0.0, texts_at=[1.0, 2.0, 2.5, 4.0])

    assert stream.gaps_ms(since=2.0, until=3.0) == [1000.0, 500.0]
    assert stream.first_s == 1.0


def test_a_stream_past_its_limit_is_not_finished() -> None:
    with pytest.raises(Unfinished, match="not finished in 0 s"):
        Stream(0.0, sent_at=0.0).text()


def test_a_stream_without_text_has_no_first_token() -> None:
    with pytest.raises(Unfinished, match="without text"):
        _ = Stream(60).first_s


def test_what_fails_in_one_thread_is_what_the_whole_cell_says() -> None:
    def fail() -> None:
        raise OSError("refused")

    with pytest.raises(Unfinished, match="failed: OSError: refused"):
        Together([fail, lambda: None]).join(60)


def test_a_reader_that_hangs_is_not_waited_for() -> None:
    hung = threading.Event()
    together = Together([hung.wait])

    with pytest.raises(Unfinished, match="not finished in 0 s"):
        together.join(0)

    hung.set()


def test_a_stream_that_is_left_on_purpose_is_no_failure() -> None:
    stream = Stream(60)
    left = threading.Event()

    def read() -> None:
        try:
            stream.enough.wait()
            stream.text()
        except Enough:
            left.set()
            raise

    together = Together([read])
    stream.enough.set()
    together.join(60)

    assert left.is_set()


def test_p99_of_few_values_is_the_largest() -> None:
    assert p99([3.0, 1.0, 2.0]) == 3.0
