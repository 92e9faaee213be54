"""The request's `thinking`: whether the answer thinks first, for how long, and who gets to read it."""

from dataclasses import dataclass
from typing import Any

from api.wire import fields
from api.wire.wish import Display
from queue_config.errors import InvalidRequest

MIN_BUDGET_TOKENS = 1024
_BUDGET_OF_EFFORT = {"low": 1024, "medium": 8192}
"""Where the client leaves it to us how long to think; more effort than that is unbounded."""


@dataclass(frozen=True, slots=True)
class ThinkingWish:
    asked: bool = False
    insists: bool = False
    """Asked for by `enabled`, which can't be had together with a forced call."""
    budget: int = 0
    """Tokens; 0 is no bound."""
    display: Display = "summarized"


def read_thinking(value: Any, effort: str | None, max_tokens: int | None) -> ThinkingWish:
    """`max_tokens` is None where no answer is asked for, as in counting."""
    if value is None:
        return ThinkingWish()
    given = fields.mapping(value, "thinking")
    kind = fields.one_of(given, "type", ("enabled", "adaptive", "disabled", "between_tools"), "thinking.")
    # Values that clients invent next year must not stop them.
    display: Display = "omitted" if given.get("display") == "omitted" else "summarized"
    match kind:
        case "disabled":
            return ThinkingWish()
        case "enabled":
            budget = _budget(given, max_tokens)
            return ThinkingWish(asked=True, insists=True, budget=budget, display=display)
        case _:
            return ThinkingWish(asked=True, budget=_BUDGET_OF_EFFORT.get(effort or "", 0), display=display)


def _budget(given: dict[str, Any], max_tokens: int | None) -> int:
    path = "thinking.enabled.budget_tokens"
    budget = given.get("budget_tokens")
    if budget is None:
        raise InvalidRequest(f"{path}: Field required")
    if not isinstance(budget, int) or isinstance(budget, bool):
        raise InvalidRequest(f"{path}: Input should be a valid integer")
    if budget < MIN_BUDGET_TOKENS:
        raise InvalidRequest(f"{path}: Input should be greater than or equal to {MIN_BUDGET_TOKENS}")
    if max_tokens is not None and budget >= max_tokens:
        raise InvalidRequest("`max_tokens` must be greater than `thinking.budget_tokens`")
    return budget
