"""AnswerWish: what a request asks of the answer's form, before anyone knows the model that gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from models.conversation import Tool

ToolChoice = Literal["auto", "any", "tool", "none"]
Display = Literal["summarized", "omitted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerWish:
    """The default asks for nothing but an answer. Whether it is to think first stands in the conversation."""

    tool_choice: ToolChoice = "auto"
    """`any`: at least one call; `tool`: a call of `tool_name`; `none`: no call though there are tools."""
    tool_name: str = ""
    parallel: bool = True
    """False: at most one call, and exactly one where a call is forced."""
    loaded_tools: tuple[Tool, ...] = ()
    """Callable like the conversation's own, but defined in its middle and not in the prompt's list."""
    removed_tools: frozenset[str] = frozenset()
    """Names of the conversation's own that may not be called any more."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema that the answer's text must fit."""
    schema_field: str = "output_config.format.schema"
    """Where the request has it, for the message about one that can't be used."""
    thinking_budget: int = 0
    """Tokens after which thinking is made to end; 0 is no bound."""
    thinking_display: Display = "summarized"
    """`omitted`: the reader gets a signature that holds the thinking, and no text."""
    applied_edits: bool = False
    """Context edits were asked for, so the answer says which were made."""
    safeguards: bool = False
    """The answer says of each of its calls whether it looks dangerous."""

    @property
    def manner(self) -> tuple[str, ...]:
        """What of it must be known wherever the answer is shown."""
        words = {
            "thinking_omitted": self.thinking_display == "omitted",
            "applied_edits": self.applied_edits,
            "safeguards": self.safeguards,
        }
        return tuple(word for word, wanted in words.items() if wanted)
