import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_config.events import Finished
from queue_config.pieces import Piece, TextPiece, ThinkingPiece, ToolInput, ToolStart, joined, text_of
from queue_config.request import AnswerPlan, SamplingParams
from tests.support.worker import EOS, a_request, new_output, output_of
from workers.output import OutputText
from workers.tool_ids import tool_id


def pieces(output: OutputText, text: str) -> tuple[list[str], Finished | None]:
    """Feed a text token by token (and an end) until the answer ends."""
    given_out = []
    for token in [*map(ord, text), EOS]:
        parts, finished = output.push(token)
        given_out.append(text_of(parts))
        if finished is not None:
            return given_out, finished
    return given_out, None


def test_text_comes_out_as_it_goes_in() -> None:
    output = output_of(SamplingParams(max_tokens=10))

    assert pieces(output, "hey") == (["h", "e", "y", ""], Finished("end_turn", 4))


def test_the_answer_ends_at_max_tokens() -> None:
    output = output_of(SamplingParams(max_tokens=2))

    assert pieces(output, "hey") == (["h", "e"], Finished("max_tokens", 2))


def test_what_could_begin_a_stop_sequence_is_held_back() -> None:
    output = output_of(SamplingParams(max_tokens=99, stop=("STOP",)))

    assert pieces(output, "aSTxSTOPy") == (["a", "", "", "STx", "", "", "", ""], Finished("stop_sequence", 8, "STOP"))


def test_held_text_is_given_out_at_the_end() -> None:
    output = output_of(SamplingParams(max_tokens=99, stop=("STOP",)))

    assert pieces(output, "aST") == (["a", "", "", "ST"], Finished("end_turn", 4))


def test_the_stop_sequence_that_is_complete_first_wins() -> None:
    output = output_of(SamplingParams(max_tokens=99, stop=("cd", "bcde", "abx")))

    assert pieces(output, "abcdef") == (["", "", "a", "b"], Finished("stop_sequence", 4, "cd"))


class HalfCharacters:
    """A decoder that gives a character with every second token, and what is left of one at the end."""

    def __init__(self) -> None:
        self._half = ""

    def step(self, token_id: int) -> str:
        if not self._half:
            self._half = chr(token_id)
            return ""
        whole, self._half = self._half, ""
        return whole

    def flush(self) -> str:
        return "?" if self._half else ""


def test_half_a_character_waits_for_its_other_half_and_is_flushed_at_the_end() -> None:
    output = OutputText(HalfCharacters(), frozenset({EOS}), SamplingParams(max_tokens=5))

    assert pieces(output, "aabbc") == (["", "a", "", "b", "?"], Finished("max_tokens", 5))


@given(
    text=st.text(alphabet="abS", max_size=40),
    stops=st.lists(st.text(alphabet="abS", min_size=1, max_size=4), max_size=3),
    max_tokens=st.integers(1, 50),
)
def test_an_answer_is_the_text_up_to_its_first_stop_and_never_shows_one(
    text: str, stops: list[str], max_tokens: int
) -> None:
    output = output_of(SamplingParams(max_tokens=max_tokens, stop=tuple(stops)))

    parts, finished = pieces(output, text)

    answer = "".join(parts)
    assert finished is not None
    assert text.startswith(answer)
    assert not any(stop in answer for stop in stops)
    if finished.reason == "stop_sequence":
        assert text.startswith(answer + (finished.stop_sequence or "?"))
    else:
        assert answer == text[: finished.output_tokens]


@pytest.mark.parametrize("split", range(12))
def test_a_replay_up_to_any_token_gives_the_same_rest(split: int) -> None:
    sampling, text = SamplingParams(max_tokens=99, stop=("STOP",)), "aSTxxSTxSTOP"
    whole = output_of(sampling)
    expected = [whole.push(ord(c)) for c in text]
    resumed = output_of(sampling)
    for c in text[:split]:
        resumed.push(ord(c))

    assert [resumed.push(ord(c)) for c in text[split:]] == expected[split:]


WRITTEN = '<think>\nSTOP?\n</think>\n\nI go.\n<tool_call>\n{"name": "go", "arguments": {"to": "STOP"}}\n</tool_call>'


def answer(text: str, plan: AnswerPlan, **sampling: Any) -> tuple[tuple[Piece, ...], Finished | None]:
    """All pieces of an answer, and its end."""
    request = replace(a_request("msg_1", **sampling), answer=plan)
    output = new_output(request)
    given_out: list[Piece] = []
    for token in [*map(ord, text), EOS]:
        parts, finished = output.push(token)
        given_out += parts
        if finished is not None:
            return joined(given_out), finished
    return joined(given_out), None


def test_stop_sequences_count_in_text_alone() -> None:
    plan = AnswerPlan(tools=("go",), thinking=True)
    call = (ToolStart(tool_id("msg_1", 0), "go"), ToolInput('{"to": "STOP"}'))

    pieces, finished = answer(WRITTEN, plan, stop=("STOP",))

    assert pieces == (ThinkingPiece("STOP?"), TextPiece("I go."), *call)
    assert finished is not None
    assert finished.reason == "tool_use"


def test_text_before_a_call_can_still_end_the_answer() -> None:
    pieces, finished = answer(WRITTEN, AnswerPlan(tools=("go",), thinking=True), stop=("go.",))

    assert pieces == (ThinkingPiece("STOP?"), TextPiece("I "))
    assert finished is not None
    assert (finished.reason, finished.stop_sequence) == ("stop_sequence", "go.")


def test_a_call_that_max_tokens_cut_off_is_told_as_far_as_it_came() -> None:
    limit = WRITTEN.index('STOP"')

    pieces, finished = answer(WRITTEN, AnswerPlan(tools=("go",)), max_tokens=limit)

    assert pieces == (TextPiece("I go."), ToolStart(tool_id("msg_1", 0), "go"), ToolInput('{"to": "'))
    assert finished is not None
    assert (finished.reason, finished.output_tokens) == ("max_tokens", limit)


def test_calls_are_named_by_request_and_place() -> None:
    names = {tool_id(request, index) for request in ("msg_1", "msg_2") for index in range(50)}

    assert len(names) == 100
    assert all(re.fullmatch(r"toolu_[0-9a-zA-Z]{24}", name) for name in names)
    assert tool_id("msg_1", 3) == tool_id("msg_1", 3)
