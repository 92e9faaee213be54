"""AnswerPlans: what a request wishes of the answer, in the terms of the model that gives it."""

from collections.abc import Mapping
from functools import lru_cache

import orjson

from api.off_loop import off_loop
from api.wire.wish import AnswerWish
from models.conversation import Conversation, Tool
from models.grammar import AnswerForm, CallsRefused, ToolRefused, answer_grammar
from models.json_grammar import SchemaRefused
from models.syntax import AnswerSyntax
from queue_config.errors import InvalidRequest
from queue_config.request import AnswerPlan

KEPT_GRAMMARS = 64
"""A client sends the same tools with every request, and a grammar for twenty takes 20 ms to write."""


class AnswerPlans:
    """Of one model, which writes its answers as `syntax` says; `special` are its tokens that are no text."""

    def __init__(self, syntax: AnswerSyntax, special: Mapping[str, int]) -> None:
        self._syntax = syntax
        self._special = special
        self._grammar = lru_cache(KEPT_GRAMMARS)(self._write)

    @property
    def thinks(self) -> bool:
        """Whether answers can be made to think first."""
        return self._syntax.think is not None

    def make(self, conversation: Conversation, wish: AnswerWish) -> AnswerPlan:
        """Raises InvalidRequest for what this model can't be made to do."""
        tools = callable_tools(conversation, wish)
        _check_choice(tools, wish)
        # An answer that goes on from a given start has its thinking behind it.
        thinks = conversation.thinking and self.thinks and conversation.prefill is None
        return AnswerPlan(
            tools=tuple(tool.name for tool in tools) if wish.tool_choice != "none" else (),
            grammar=self._grammar_for(tools, wish, thinks=thinks),
            schemas=self._schemas(tools),
            thinking=thinks,
            thinking_budget=wish.thinking_budget if thinks else 0,
            max_calls=0 if wish.parallel else 1,
        )

    def _schemas(self, tools: tuple[Tool, ...]) -> str:
        if self._syntax.calls.body != "other" or not tools:
            return ""
        return orjson.dumps({tool.name: tool.schema for tool in tools}).decode()

    def _grammar_for(self, tools: tuple[Tool, ...], wish: AnswerWish, *, thinks: bool) -> str:
        if not tools and wish.schema is None:
            return ""
        definitions = [[tool.name, tool.schema, tool.strict] for tool in tools]
        asked = [definitions, wish.tool_choice, wish.tool_name, wish.parallel, wish.schema, thinks]
        try:
            return off_loop(lambda: self._grammar(orjson.dumps(asked)))
        except ToolRefused as error:
            raise InvalidRequest(f"tools: input_schema of '{error.name}': {error}") from error
        except SchemaRefused as error:
            raise InvalidRequest(f"{wish.schema_field}: {error}") from error
        except CallsRefused as error:
            raise InvalidRequest(f"tool_choice: {error}") from error

    def _write(self, asked: bytes) -> str:
        definitions, choice, tool_name, parallel, schema, thinks = orjson.loads(asked)
        form = AnswerForm(
            tools=tuple(Tool(name, "", schema, strict=strict) for name, schema, strict in definitions),
            choice=choice,
            tool_name=tool_name,
            parallel=parallel,
            schema=schema,
            thinking=thinks,
        )
        return answer_grammar(self._syntax, self._special, form)


def _check_choice(tools: tuple[Tool, ...], wish: AnswerWish) -> None:
    """A tool that was given may still not be there: not found yet, or taken away."""
    names = [tool.name for tool in tools]
    if wish.tool_choice == "tool" and wish.tool_name not in names:
        raise InvalidRequest(f"tool_choice: Tool '{wish.tool_name}' can't be called at this point of the conversation")
    if wish.tool_choice == "any" and not names:
        raise InvalidRequest("tool_choice: no tool can be called at this point of the conversation")


def callable_tools(conversation: Conversation, wish: AnswerWish) -> tuple[Tool, ...]:
    """The tools of the prompt's list and those that came later, without those that were taken away."""
    tools = {tool.name: tool for tool in (*conversation.tools, *wish.loaded_tools)}
    return tuple(tool for name, tool in tools.items() if name not in wish.removed_tools)
