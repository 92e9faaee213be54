"""`response_format` to the JSON Schema that the answer must fit."""

from collections.abc import Mapping
from typing import Any

from api.wire import fields


def read_schema(given: dict[str, Any]) -> Mapping[str, Any] | None:
    """None where any text will do. A schema is always enforced, `strict` or not."""
    if "response_format" not in given:
        return None
    path = "response_format"
    chosen = fields.mapping(given[path], path)
    match fields.one_of(chosen, "type", ("text", "json_object", "json_schema"), f"{path}."):
        case "json_object":
            return {"type": "object"}
        case "json_schema":
            path = f"{path}.json_schema"
            named = fields.mapping(fields.present(chosen, "json_schema", "response_format."), path)
            return fields.schema(fields.present(named, "schema", f"{path}."), f"{path}.schema")
    return None
