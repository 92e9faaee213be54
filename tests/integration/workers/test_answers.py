"""A model that thinks, talks and calls a tool: the log has the pieces, however often its worker is killed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis as redis_py

from queue_config.events import Delta, Finished
from queue_config.pieces import Piece, TextPiece, ThinkingPiece, ToolInput, ToolStart, joined
from queue_config.request import AnswerPlan, GenerationRequest
from queue_config.settings import Settings
from tests.support.dead_worker import DeadWorker
from tests.support.worker import Desk, RunningWorker, a_request, new_output
from workers.assembly import slot_id
from workers.tool_ids import tool_id

CALL = '<tool_call>\n{"name": "look", "arguments": {"at": "it"}}\n</tool_call>'
WRITTEN = f"<think>\nHm.\n</think>\n\nI look.\n{CALL}\n{CALL}"
PLAN = AnswerPlan(tools=("look",), thinking=True)
PIECES: tuple[Piece, ...] = (
    ThinkingPiece("Hm."),
    TextPiece("I look."),
    ToolStart(tool_id("msg_1", 0), "look"),
    ToolInput('{"at": "it"}'),
    ToolStart(tool_id("msg_1", 1), "look"),
    ToolInput('{"at": "it"}'),
)
THINKING = len(">\nHm.\n</think>")
"""Counted from where it is certain that this is thinking."""


@pytest.fixture
def desk(redis_url: str, redis: redis_py.Redis) -> Iterator[Desk]:
    desk = Desk(redis_url)
    yield desk
    desk.redis.close()


def the_request(plan: AnswerPlan = PLAN) -> GenerationRequest:
    return replace(a_request("msg_1", WRITTEN), answer=plan)


def pieces(desk: Desk) -> tuple[Piece, ...]:
    return joined(piece for event in desk.events("msg_1") if isinstance(event, Delta) for piece in event.pieces)


def test_thinking_text_and_calls_are_logged_as_such(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    with RunningWorker(redis_url, tmp_path):
        desk.queue.accept(the_request())
        end = desk.end("msg_1")

    assert end == Finished("tool_use", len(WRITTEN) + 1, thinking_tokens=THINKING)
    assert pieces(desk) == PIECES


def test_an_answer_ends_with_the_last_call_that_it_may_have(desk: Desk, redis_url: str, tmp_path: Path) -> None:
    with RunningWorker(redis_url, tmp_path):
        desk.queue.accept(the_request(replace(PLAN, max_calls=1)))
        end = desk.end("msg_1")

    # The call's own brackets are closed then; its marker isn't waited for.
    tokens = WRITTEN.index("}}") + 2
    assert end == Finished("tool_use", tokens, thinking_tokens=THINKING)
    assert pieces(desk) == PIECES[:4]


@pytest.mark.parametrize("killed_at", ["Hm", "I l", "_call", '"nam', "look", "argum", '"at": "i', "</tool"])
def test_killed_anywhere_and_resumed_the_pieces_are_the_same(
    desk: Desk, redis_url: str, tmp_path: Path, killed_at: str
) -> None:
    dead = DeadWorker(desk.redis, desk.queue, f"{slot_id(Settings(home=tmp_path))}.1-1")
    desk.queue.accept(the_request())
    tokens = tuple(map(ord, WRITTEN[: WRITTEN.index(killed_at) + len(killed_at)]))
    output = new_output(the_request())
    logged = joined(piece for token in tokens for piece in output.push(token)[0])
    dead.say(tokens, logged)

    with RunningWorker(redis_url, tmp_path):
        end = desk.end("msg_1")

    assert end == Finished("tool_use", len(WRITTEN) + 1, thinking_tokens=THINKING)
    assert pieces(desk) == PIECES
