"""JSON Schema to grammar: the rule for one JSON value that fits a schema, spelled as `json.dumps` spells it.

The rule takes no more than the schema does, and somewhat less: see `models.json_narrowing`; properties come in the
order in which the schema has them, and there is no other white space than `json.dumps` writes.
"""

import json
from collections.abc import Mapping
from typing import Any

import llguidance

from models.json_narrowing import narrowed

_SPELLING = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}


class SchemaRefused(ValueError):
    """A schema that no grammar can be made of; the message is a sentence for the schema's author."""


def json_rule(schema: Mapping[str, Any]) -> str:
    """The right-hand side of a rule. Raises SchemaRefused."""
    rule = _rule(narrowed(schema))
    wrong = _error(rule)
    if wrong:
        raise SchemaRefused(f"this JSON Schema can't be enforced: {wrong}")
    return rule


def loose_json_rule(schema: Mapping[str, Any]) -> str:
    """As much of the schema as can be enforced, and if that is nothing, any object."""
    rules = (_rule(narrowed(schema)), _rule(dict(schema), lenient=True), _rule(narrowed({"type": "object"})))
    return next((rule for rule in rules if not _error(rule)), rules[-1])


def validate(grammar: str) -> None:
    """Raises ValueError for what the grammar library won't take."""
    is_wrong, messages = llguidance.LLMatcher.validate_grammar_with_warnings(grammar)
    if is_wrong:
        # What follows the first line is a dump of the library's state.
        raise ValueError(messages[0].strip().partition("\n")[0].removeprefix("ERROR:").strip())


def _rule(schema: dict[str, Any], *, lenient: bool = False) -> str:
    options = _SPELLING | ({"lenient": True} if lenient else {})
    return f"%json {json.dumps(schema | {'x-guidance': options})}"


def _error(rule: str) -> str:
    try:
        validate(f"%llguidance {{}}\nstart: {rule}\n")
    except ValueError as error:
        return str(error)
    return ""
