"""What a chat template's calls and thinking look like, found by letting it write some."""

import json
import re
from dataclasses import replace
from typing import Any

from models.answer import AnswerSplitter, Called, Said
from models.errors import PromptRejected
from models.families.template import Message, TemplateFamily
from models.syntax import AnswerSyntax, CallSyntax, ThinkSyntax

_TOOL: Message = {
    "type": "function",
    "function": {
        "name": "probe_tool",
        "description": "probes",
        "parameters": {"type": "object", "properties": {"probe_key": {"type": "string"}}, "required": ["probe_key"]},
    },
}
_USER: Message = {"role": "user", "content": "one"}
_FIRST_ID = "call00000"
_TAG = re.compile(r"<[^<>]+>")
_TEXT = "ZQZ"
"""Shares no end with any markup."""

FOREIGN = (
    ("minimax_m2", "<minimax:tool_call>", "</minimax:tool_call>", "<minimax:tool_call>"),
    ("gemma4", "<|tool_call>", "<tool_call|>", "<tool_call|>"),
    ("function_gemma", "<start_function_call>", "<end_function_call>", "<start_function_call>"),
    ("longcat", "<longcat_tool_call>", "</longcat_tool_call>", "<longcat_tool_call>"),
    ("glm47", "<tool_call>", "</tool_call>", "<arg_key>"),
    ("pythonic", "<|tool_call_start|>", "<|tool_call_end|>", "<|tool_call_start|>"),
    ("qwen3_coder", "<tool_call>", "</tool_call>", "<parameter="),
    ("muse_spark", "<atem:function_calls>", "</atem:function_calls>", "<atem:function_calls>"),
)
"""Formats that are no JSON: parser, opening, closing, and what only their templates hold."""


def knows_tools(own: TemplateFamily) -> bool:
    """Whether the template says anything of tools that it is given."""
    try:
        with_tools = own.render_text([_USER], answer_follows=True, tools=[_TOOL])
        return with_tools != own.render_text([_USER], answer_follows=True)
    except PromptRejected:
        return False


def with_syntax(own: TemplateFamily, source: str) -> TemplateFamily:
    """The template with how it writes thinking and calls, as far as that can be found and read."""
    family = replace(own, think=_think(own, source))
    return replace(family, calls=_calls(family, source)) if knows_tools(own) else family


def _think(own: TemplateFamily, source: str) -> ThinkSyntax | None:
    if "<think>" not in source or "</think>" not in source:
        return None
    try:
        start = own.render_text([_USER], answer_follows=True, thinking=True)
    except PromptRejected:
        return None
    before, found, inside = start.rpartition("<think>")
    opened = bool(found) and not inside.strip() and not before.endswith("</think>")
    return ThinkSyntax(opened=opened, inside=inside) if opened else ThinkSyntax()


def _calls(own: TemplateFamily, source: str) -> CallSyntax | None:
    for parser, opening, closing, sign in FOREIGN:
        if sign in source and opening in source:
            return CallSyntax(opening, closing, body="other", inside="", between="\n", parser=parser)
    try:
        one, two = _written(own, 1), _written(own, 2)
    except PromptRejected:
        return None
    for syntax in _candidates(one):
        if all(_reads(syntax, text, count) for text, count in ((one, 1), (two, 2))):
            return replace(syntax, between=_between(syntax, two))
    return None


def _written(own: TemplateFamily, count: int) -> str:
    """What the template makes of an answer of so many calls, without what is around every answer."""
    text = own.render_text([_USER, {"role": "assistant", "content": _TEXT}], answer_follows=False, tools=[_TOOL])
    answer = {"role": "assistant", "content": "", "tool_calls": [_call(index) for index in range(count)]}
    calls = own.render_text([_USER, answer], answer_follows=False, tools=[_TOOL])
    start = len(calls[: _common(text, calls)].rstrip("<[|"))
    end = _common(text[start:][::-1], calls[start:][::-1])
    return calls[start : len(calls) - end]


def _common(one: str, other: str) -> int:
    """How many characters they begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _call(index: int) -> Message:
    function = {"name": "probe_tool", "arguments": {"probe_key": f"value {index}"}}
    return {"id": f"{_FIRST_ID[:-1]}{index}", "type": "function", "function": function}


def _candidates(one: str) -> list[CallSyntax]:
    """Ways to read the text of one call."""
    start, end = one.find("{"), one.rfind("}") + 1
    before, body, after = one[:start], one[start:end], one[end:]
    try:
        content: Any = json.loads(body)
    except ValueError:
        return []
    closing = after.strip().removeprefix("]").strip()
    if tag := _TAG.match(closing):
        closing = tag.group()  # what follows it ends the turn
    if "probe_tool" in before:
        opening, _, separator = before.partition("probe_tool")
        id_marker, has_id, after_id = separator.partition(_FIRST_ID)
        if has_id:
            separator = after_id
        named = CallSyntax(opening.strip(), closing, body="named", inside="", separator=separator)
        return [replace(named, id_marker=id_marker if has_id else "")]
    keys = [key for key in ("arguments", "parameters") if key in content]
    if content.get("name") != "probe_tool" or not keys:
        return []
    is_list = before.rstrip().endswith("[")
    opening = before.rstrip().removesuffix("[") if is_list else before
    inside = opening[len(opening.rstrip()) :] if opening.strip() else ""
    return [CallSyntax(opening.strip(), closing, "list" if is_list else "object", arguments_key=keys[0], inside=inside)]


def _reads(syntax: CallSyntax, text: str, count: int) -> bool:
    """Whether the splitter finds these calls, and nothing else."""
    splitter = AnswerSplitter(AnswerSyntax(syntax), tools=["probe_tool"])
    parts = [*splitter.push(text), *splitter.end(cut=False)]
    names = [part.name for part in parts if isinstance(part, Called)]
    return names == ["probe_tool"] * count and not any(isinstance(part, Said) for part in parts)


def _between(syntax: CallSyntax, two: str) -> str:
    """What stands between two calls, where each has markers of its own."""
    if not syntax.closing or syntax.body == "list" or two.count(syntax.closing) < 2:
        return ""
    between = two.partition(syntax.closing)[2].partition(syntax.opening)[0]
    return "" if between.strip() else between
