"""Twenty schemas of all kinds that people send: nested, enums, lists, bounds, optional fields, references."""

from typing import Any

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_NUMBER: Schema = {"type": "number"}


def _object(properties: Schema, required: tuple[str, ...] | None = None, **more: Any) -> Schema:
    names = list(properties) if required is None else list(required)
    return {"type": "object", "properties": properties, "required": names, **more}


SCHEMAS: dict[str, Schema] = {
    "weather": _object(
        {"city": _STRING, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
        ("city",),
        additionalProperties=False,
    ),
    "person": _object(
        {"name": _STRING, "age": {"type": "integer", "minimum": 0, "maximum": 130}, "email": _STRING}, ("name", "age")
    ),
    "rating": _object({"stars": {"type": "integer", "minimum": 1, "maximum": 5}, "review": _STRING}),
    "probability": _object({"label": _STRING, "p": {"type": "number", "minimum": 0, "maximum": 1}}),
    "above": _object({"x": {"type": "number", "exclusiveMinimum": -1.5, "exclusiveMaximum": 2.5}, "y": _INTEGER}),
    "tags": _object({"tags": {"type": "array", "items": _STRING}}),
    "few": _object({"words": {"type": "array", "items": _STRING, "minItems": 2, "maxItems": 4}}),
    "numbers": _object({"values": {"type": "array", "items": _NUMBER, "minItems": 1}, "total": _NUMBER}),
    "order": _object(
        {
            "id": _INTEGER,
            "customer": _object({"name": _STRING, "address": _object({"street": _STRING, "zip": _STRING})}),
            "lines": {
                "type": "array",
                "items": _object({"article": _STRING, "count": {"type": "integer", "minimum": 1}}),
            },
        }
    ),
    "nullable": _object({"title": {"type": ["string", "null"]}, "due": {"anyOf": [_INTEGER, {"type": "null"}]}}),
    "flags": _object({"on": {"type": "boolean"}, "level": {"enum": [1, 2, 3, "high", None]}}),
    "union": _object(
        {
            "shape": {
                "anyOf": [
                    _object({"kind": {"const": "circle"}, "radius": _NUMBER}),
                    _object({"kind": {"const": "square"}, "side": _NUMBER}),
                ]
            }
        }
    ),
    "tree": {
        "$defs": {
            "node": _object({"value": _INTEGER, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}),
        },
        **_object({"root": {"$ref": "#/$defs/node"}}),
    },
    "shared": {
        "$defs": {"point": _object({"x": _NUMBER, "y": _NUMBER}, additionalProperties=False)},
        **_object({"from": {"$ref": "#/$defs/point"}, "to": {"$ref": "#/$defs/point"}}),
    },
    "lengths": _object(
        {"code": {"type": "string", "minLength": 3, "maxLength": 8}, "note": {"type": "string", "maxLength": 40}}
    ),
    "pattern": _object({"plate": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{1,4}$"}, "owner": _STRING}),
    "dates": _object({"start": {"type": "string", "format": "date"}, "at": {"type": "string", "format": "date-time"}}),
    "matrix": _object({"rows": {"type": "array", "items": {"type": "array", "items": _INTEGER, "maxItems": 3}}}),
    "scores": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
    "options": _object(
        {
            "query": _STRING,
            "limit": {"type": "integer", "multipleOf": 5, "minimum": 5},
            "sort": {"enum": ["asc", "desc"]},
            "filters": {
                "type": "array",
                "items": _object({"field": _STRING, "op": {"enum": ["=", "<", ">"]}, "value": _STRING}),
            },
        },
        ("query",),
    ),
}
