"""The few words of JSON Schema in which the document is written."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
TEXT: Schema = {"type": "string", "minLength": 1}
BOOLEAN: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ANY_OBJECT: Schema = {"type": "object"}
NULL: Schema = {"type": "null"}
TIME: Schema = {"type": "string", "format": "date-time"}


def ref(name: str) -> Schema:
    """A schema of the document, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def obj(
    required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, *, description: str = ""
) -> Schema:
    """An object that has these fields; others may stand beside them."""
    schema: Schema = {"type": "object", "properties": {**required, **(optional or {})}, "required": [*required]}
    return schema | {"description": description} if description else schema


def array(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def one(*options: Schema) -> Schema:
    return {"anyOf": [*options]}


def nullable(schema: Schema) -> Schema:
    return one(schema, NULL)


def enum(*values: str) -> Schema:
    return {"type": "string", "enum": [*values]}


def const(value: str) -> Schema:
    return {"type": "string", "const": value}


def number(low: float, high: float, **more: Any) -> Schema:
    return {"type": "number", "minimum": low, "maximum": high, **more}


def integer(low: int, **more: Any) -> Schema:
    return {"type": "integer", "minimum": low, **more}


def said(description: str, schema: Schema) -> Schema:
    """The schema with a word about what it is for."""
    return {**schema, "description": description}


def optional(fields: Mapping[str, Schema]) -> dict[str, Schema]:
    """Fields that clients may write as null where they leave them out."""
    return {name: nullable(schema) for name, schema in fields.items()}
