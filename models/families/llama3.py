"""Llama 3: role headers and `<|eot_id|>`; from 3.1 on, the system turn starts with two lines about dates."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from models.conversation import JOINT, Conversation, Part, Text, ToolResult, ToolUse, Turn
from models.families.tools import call, definition, in_order, outcome, runs, spelled_out
from models.families.turns import join, split_last_answer
from models.prompt import Markup, Segment
from models.syntax import AnswerSyntax, CallSyntax

CUTOFF = "Cutting Knowledge Date: December 2023\n"
BEFORE_TOOLS = (
    "Given the following functions, please respond with a JSON for a function call "
    "with its proper arguments that best answers the given prompt.\n\n"
    'Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}.'
    "Do not use variables.\n\n"
)
CALLS = CallSyntax(
    opening="", closing="", arguments_key="parameters", inside="", between="; ", optional="<|python_tag|>"
)


@dataclass(frozen=True, slots=True)
class Llama3:
    bos: str = "<|begin_of_text|>"
    today: Callable[[], str] | None = None
    """The date that the system turn states, as "26 Jul 2024"; None (Llama 3.0) for no such lines."""
    name: str = "llama3"

    @property
    def syntax(self) -> AnswerSyntax:
        return AnswerSyntax(CALLS) if self.today else AnswerSyntax()

    def render(self, conversation: Conversation) -> list[Segment]:
        talk = in_order(conversation.merged()) if self.today else spelled_out(conversation)
        return join(self._segments(talk))

    def _segments(self, conversation: Conversation) -> Iterator[Segment]:
        turns, prefill = split_last_answer(conversation)
        yield Markup(self.bos)
        preamble = "Environment: ipython\n" if conversation.tools else ""
        preamble += f"{CUTOFF}Today Date: {self.today()}\n\n" if self.today else ""
        if preamble or conversation.system:
            yield from self._turn("system", [Markup(preamble), conversation.system.strip()])
        # The instructions lead the first user's turn, as the template has it, or stand alone before what comes first.
        instructions = list(_instructions(conversation)) if conversation.tools else []
        if instructions and not (turns and turns[0].role == "user" and _begins_with_text(turns[0])):
            yield from self._turn("user", instructions)
            instructions = []
        for turn in turns:
            for segments in _written(turn):
                yield from self._turn(segments[0], [*instructions, *segments[1]])
                instructions = []
        yield Markup(_header("assistant"))
        yield from _answer(prefill) if prefill else ()

    def _turn(self, role: str, content: list[Segment]) -> Iterator[Segment]:
        yield Markup(_header(role))
        yield from content
        yield Markup("<|eot_id|>")


def _begins_with_text(turn: Turn) -> bool:
    return any(isinstance(part, Text) for part in turn.parts[:1])


def _instructions(conversation: Conversation) -> Iterator[Segment]:
    yield Markup(BEFORE_TOOLS)
    for tool in conversation.tools:
        yield from (definition(tool, indent=4), Markup("\n\n"))


def _written(turn: Turn) -> Iterator[tuple[str, list[Segment]]]:
    """Each result of a tool is a turn of its own."""
    if turn.role == "assistant":
        yield "assistant", list(_answer(turn))
        return
    for is_result, parts in runs(turn):
        if is_result:
            for part in parts:
                yield "ipython", [_result(part)]
        else:
            yield turn.role, [_text(parts)]


def _text(parts: tuple[Part, ...]) -> str:
    return JOINT.join(part.text for part in parts if isinstance(part, Text)).strip()


def _result(part: Part) -> str:
    return json.dumps(outcome(part), ensure_ascii=False) if isinstance(part, ToolResult) else ""


def _answer(turn: Turn) -> Iterator[Segment]:
    before: Part | None = None
    for part in turn.parts:
        if isinstance(part, ToolUse):
            yield Markup(_gap(before, part))
            yield call(part, "parameters")
        elif isinstance(part, Text):
            yield Markup(_gap(before, part))
            yield part.text.strip()
        else:
            continue
        before = part


def _gap(before: Part | None, after: Part) -> str:
    if before is None:
        return ""
    return CALLS.between if isinstance(before, ToolUse) and isinstance(after, ToolUse) else JOINT


def _header(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"
