"""Grammars of answers: thinking, text, calls and JSON in the form that a request asks for and a family writes.

A grammar covers the whole answer, since one token may hold the end of a marker and the beginning of what follows. Its
language is llguidance's dialect of Lark.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from models.conversation import Tool
from models.json_grammar import SchemaRefused, json_rule, loose_json_rule
from models.lark import Lark
from models.syntax import AnswerSyntax, CallSyntax, ThinkSyntax

Choice = Literal["auto", "any", "tool", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    """What an answer may be. With a `schema` it is one JSON value that fits, or calls where `tools` may be called."""

    tools: tuple[Tool, ...] = ()
    choice: Choice = "auto"
    tool_name: str = ""
    """Of the only tool that may be called, where `choice` is "tool"."""
    parallel: bool = True
    schema: Mapping[str, Any] | None = None
    thinking: bool = False
    """It may begin with thinking, and does where it is to be a call or JSON."""

    @property
    def is_call(self) -> bool:
        return self.choice in {"any", "tool"}

    @property
    def callable(self) -> tuple[Tool, ...]:
        if self.choice == "none":
            return ()
        return tuple(tool for tool in self.tools if self.choice != "tool" or tool.name == self.tool_name)


class CallsRefused(ValueError):
    """This model's calls aren't JSON, and none can be forced."""


class ToolRefused(SchemaRefused):
    """The schema of the tool called `name` can't be enforced."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.name = name


def answer_grammar(syntax: AnswerSyntax, special: Mapping[str, int], form: AnswerForm) -> str:
    """The grammar of an answer; "" for anything.

    `special` has the ids of the tokens that are no text; markers among them are forced as tokens. Raises ToolRefused,
    SchemaRefused or CallsRefused, all of them ValueErrors whose text is for the request's author.
    """
    tools = form.callable
    if syntax.calls.body == "other" and tools:
        if form.is_call:
            raise CallsRefused("this model writes its tool calls in a form that can't be forced; use tool_choice auto")
        tools = ()
    lark = Lark(special)
    lark.rule("TEXT", "/(?s:.*)/")
    think = syntax.think if form.thinking else None
    calls = _Calls(lark, syntax.calls, parallel=form.parallel)
    if tools:
        calls.define(tools, is_exact=form.is_call)
    if form.is_call:
        lark.rule("answer", calls.forced())
    elif form.schema is not None:
        lark.rule("answer", json_rule(form.schema) + (f" | {calls.forced()}" if tools else ""))
    elif tools:
        lark.rule("FREE", _without_thinking(lark, calls.free(), think))
        lark.rule("answer", f"FREE | {calls.after_text()}")
    elif form.tools and form.choice == "none":
        lark.rule("FREE", _without_thinking(lark, calls.absent(), think))
        lark.rule("answer", "FREE")
    else:
        return ""
    is_bound = form.is_call or form.schema is not None
    return lark.text(f"{_thoughts(lark, think, is_optional=not is_bound)} answer")


class _Calls:
    """The rules of calls; `define` is to be the first, once."""

    def __init__(self, lark: Lark, syntax: CallSyntax, *, parallel: bool) -> None:
        self._lark = lark
        self._syntax = syntax
        self._parallel = parallel

    def define(self, tools: Sequence[Tool], *, is_exact: bool) -> None:
        """Add the rule of what stands between a call's markers. Raises ToolRefused."""
        one = self._lark.rule("one", " | ".join(self._one(i, tool, is_exact=is_exact) for i, tool in enumerate(tools)))
        body = one
        if self._syntax.body == "list":
            others = f' (", " {one})*' if self._parallel else ""
            body = f'"[" {one}{others} "]"'
        inside, closing = self._lark.literal(self._syntax.inside), self._lark.literal(self._syntax.closing)
        self._lark.rule("rest", f"{inside} {body} {inside} {closing}")

    def forced(self) -> str:
        """One call at once, or several."""
        return f"{self._opening()} rest {self._more()}"

    def after_text(self) -> str:
        """Any text, if calls have an opening, then as `forced`."""
        if not self._syntax.opening:
            return self.forced()
        return f"{self._lark.until('begun', 'FREE', self._syntax.opening)} rest {self._more()}"

    def free(self) -> str:
        """Texts with which an answer may begin, or that it may be: where nothing marks calls, nothing like a call."""
        if self._syntax.opening:
            return "TEXT"
        key = re.escape(json.dumps(self._syntax.name_key))
        return rf"TEXT & ~(/\s*\[?\s*\{{\s*{key}/ TEXT)"

    def absent(self) -> str:
        """Texts without any call."""
        opening = self._syntax.opening
        return self._lark.without("TEXT", opening, anywhere=True) if opening else self.free()

    def _opening(self) -> str:
        optional = self._lark.literal(self._syntax.optional)
        return self._lark.literal(self._syntax.opening) + (f" ({optional})?" if optional else "")

    def _more(self) -> str:
        if not self._parallel or self._syntax.body == "list":
            return ""
        return f"({self._lark.literal(self._syntax.between)} {self._opening()} rest)*"

    def _one(self, index: int, tool: Tool, *, is_exact: bool) -> str:
        syntax, name = self._syntax, json.dumps(tool.name, ensure_ascii=False)
        schema = {"type": "object"} | dict(tool.schema)
        try:
            rule = json_rule(schema) if is_exact or tool.strict else loose_json_rule(schema)
        except SchemaRefused as refused:
            raise ToolRefused(tool.name, str(refused)) from refused
        arguments = self._lark.rule(f"arguments{index}", rule)
        if syntax.body == "named":
            return f"{self._lark.literal(tool.name + syntax.separator)} {arguments}"
        keys = json.dumps(syntax.name_key), json.dumps(syntax.arguments_key)
        begin = self._lark.literal(f"{{{keys[0]}: {name}, {keys[1]}: ")
        return f'{begin} {arguments} "}}"'


def _without_thinking(lark: Lark, free: str, think: ThinkSyntax | None) -> str:
    """Free text that is no thinking, so that each beginning has one reading."""
    return free if think is None or think.opened else lark.without(free, think.opening, anywhere=False)


def _thoughts(lark: Lark, think: ThinkSyntax | None, *, is_optional: bool) -> str:
    if think is None:
        return ""
    opening = "" if think.opened else lark.literal(think.opening)
    thoughts = f"{opening} {lark.until('thoughts', 'TEXT', think.closing)} {lark.literal(think.after)}"
    return f"({thoughts})?" if is_optional and not think.opened else thoughts
