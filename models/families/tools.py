"""Tools as text: definitions, calls and results, for formats that know them and for those that don't."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from models.conversation import JOINT, Conversation, Part, Text, Thinking, Tool, ToolResult, ToolUse, Turn

BEFORE_TOOLS = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
)
AFTER_TOOLS = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    '<tool_call></tool_call> XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n'
    "</tool_call>"
)
"""Both as Qwen 2.5's and Qwen 3's templates write it; other models read it well too."""


def described(tool: Tool) -> dict[str, object]:
    """As OpenAI's API has it, which is what chat templates expect."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
    return {"type": "function", "function": function}


def definition(tool: Tool, indent: int | None = None) -> str:
    return json.dumps(described(tool), ensure_ascii=False, indent=indent)


def call(use: ToolUse, arguments_key: str = "arguments") -> str:
    """Spelled as a model spells it, so that a later prompt repeats the answer."""
    return f'{{"name": {json.dumps(use.name, ensure_ascii=False)}, "{arguments_key}": {use.arguments}}}'


def outcome(result: ToolResult) -> str:
    """What the tool answered; that it failed has no other place in any format."""
    return f"Error: {result.text}" if result.is_error else result.text


def runs(turn: Turn) -> Iterator[tuple[bool, tuple[Part, ...]]]:
    """A user's turn in pieces: results of tools (True) and words, for formats with turns of their own for each."""
    for is_result, parts in groupby(turn.parts, lambda part: isinstance(part, ToolResult)):
        yield is_result, tuple(parts)


def in_order(conversation: Conversation) -> Conversation:
    """With each turn's results in the order of the calls, since most formats match them by nothing else."""
    turns: list[Turn] = []
    order: dict[str, int] = {}
    for turn in conversation.turns:
        if turn.role == "assistant":
            uses = [part for part in turn.parts if isinstance(part, ToolUse)]
            order = {use.id: index for index, use in enumerate(uses)}
            turns.append(turn)
        else:
            turns.append(replace(turn, parts=_sorted(turn.parts, order)))
    return replace(conversation, turns=tuple(turns))


def _sorted(parts: tuple[Part, ...], order: dict[str, int]) -> tuple[Part, ...]:
    results = [part for part in parts if isinstance(part, ToolResult)]
    # Those of unknown calls come last, as they came.
    results.sort(key=lambda result: order.get(result.tool_use_id, len(order)))
    following = iter(results)
    return tuple(next(following) if isinstance(part, ToolResult) else part for part in parts)


def spelled_out(conversation: Conversation, default_system: str = "", *, thinks: bool = False) -> Conversation:
    """The same in words alone, for formats without tools: instructions first, then the system prompt.

    Thinking is left out of formats that don't.
    """
    turns = tuple(
        Turn(turn.role, (*_thoughts(turn, thinks=thinks), *_in_words(turn)))
        for turn in in_order(conversation.merged()).turns
    )
    system = conversation.system
    if conversation.tools:
        lines = "".join(f"\n{definition(tool)}" for tool in conversation.tools)
        system = JOINT.join(filter(None, [BEFORE_TOOLS + lines + AFTER_TOOLS, system or default_system]))
    return replace(conversation, system=system, turns=turns, tools=())


def words_in_results(conversation: Conversation) -> Conversation:
    """With what the user says after results put into the last of them, for formats that want an answer between."""
    return replace(conversation, turns=tuple(map(_words_in_result, conversation.turns)))


def _words_in_result(turn: Turn) -> Turn:
    last = max((at for at, part in enumerate(turn.parts) if isinstance(part, ToolResult)), default=None)
    if last is None or not isinstance(result := turn.parts[last], ToolResult):
        return turn
    words = [part.text for part in turn.parts if isinstance(part, Text)]
    others = [part for part in turn.parts[:last] if isinstance(part, ToolResult)]
    return replace(turn, parts=(*others, replace(result, text=JOINT.join([result.text, *words]))))


def _thoughts(turn: Turn, *, thinks: bool) -> tuple[Part, ...]:
    return tuple(part for part in turn.parts if thinks and isinstance(part, Thinking))


def gap(before: Part | None, after: Part) -> str:
    """What Hermes' format, which is ours for all that know none, puts between two parts of a turn."""
    if before is None or isinstance(before, Thinking):
        return ""
    return JOINT if isinstance(before, Text) and isinstance(after, Text) else "\n"


def _in_words(turn: Turn) -> Iterator[Text]:
    words = ""
    before: Part | None = None
    for part in turn.parts:
        if (text := _word(part)) is not None:
            words += gap(before, part) + text
            before = part
    if before is not None:
        yield Text(words)


def _word(part: Part) -> str | None:
    match part:
        case Text(text):
            return text
        case ToolUse():
            return f"<tool_call>\n{call(part)}\n</tool_call>"
        case ToolResult():
            return f"<tool_response>\n{outcome(part)}\n</tool_response>"
    return None
