"""Calls in formats that are no JSON, read by mlx-lm's own parsers, which know a dozen of them."""

import importlib
import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

Call = tuple[str, dict[str, Any]]


def parser_called(name: str) -> Callable[[str, dict[str, Any]], list[Call]]:
    """The parser of that name: from the text between the markers and the tools' schemas to calls, [] if it is none."""
    parse = importlib.import_module(f"mlx_lm.tool_parsers.{name}").parse_tool_call

    def calls(text: str, schemas: dict[str, Any]) -> list[Call]:
        tools = [{"type": "function", "function": {"name": n, "parameters": s}} for n, s in schemas.items()]
        try:
            found = parse(text, tools)
        except Exception:  # it raises whatever its pattern or the model's JSON happens to
            log.info("what a model wrote as a call can't be read", extra={"parser": name}, exc_info=True)
            return []
        found = found if isinstance(found, list) else [found]
        return [(call["name"], call["arguments"]) for call in found if isinstance(call["arguments"], dict)]

    return calls
