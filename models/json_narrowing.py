"""Narrowing: a JSON Schema to one that takes no more, and nothing that its author can't have meant.

A model at a high temperature writes whatever it may: numbers too large for any machine, the 30th of February.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_REMARKS = frozenset(("default", "examples", "title", "description", "$comment", "deprecated"))
_BY_NAME = frozenset(("properties", "patternProperties", "$defs", "definitions"))
_VALUES = frozenset(("enum", "const", "required"))
_CHOICES = ("anyOf", "oneOf", "$ref")
_LARGEST = {"integer": 2**53 - 1, "number": 10**15}
"""Either way from zero, where a schema has no bound: any program reads these, to the last digit."""

_DATE = (
    r"[12][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))|[12][0-9](?:0[48]|[2468][048]|[13579][26])-02-29"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_EMAIL = (
    r"[A-Za-z0-9_+-]{1,32}(?:\.[A-Za-z0-9_+-]{1,16})?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,28}[A-Za-z0-9])?\.){1,3}[A-Za-z]{2,12}"
)
_URI = (
    r"[a-z][a-z0-9+.-]{1,15}:(?://[A-Za-z0-9.-]{1,64}(?::[0-9]{1,4})?)?(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]{1,64}){0,16}/?"
    r"(?:\?[A-Za-z0-9._~=&+-]{1,256})?(?:#[A-Za-z0-9._~-]{1,64})?"
)
_PATTERNS = {
    "date": f"^(?:{_DATE})$",
    "time": f"^{_TIME}$",
    "date-time": f"^(?:{_DATE})T{_TIME}$",
    "email": f"^{_EMAIL}$",
    "uri": f"^{_URI}$",
}
"""Formats of which the grammar library doesn't know all that there is to them: calendars, lengths of parts."""
_FORMATS = frozenset(("duration", "hostname", "ipv4", "ipv6", "uuid"))
"""Those that it knows. JSON Schema itself takes any `format` for a remark."""

_ANYTHING = "x-any-value"
_ANY: dict[str, Any] = {"$ref": f"#/$defs/{_ANYTHING}"}
_ANY_DEFINED: dict[str, Any] = {
    "anyOf": [
        {"type": ["string", "boolean", "null"]},
        {"type": "number", "minimum": -_LARGEST["number"], "maximum": _LARGEST["number"]},
        {"type": "array", "items": _ANY},
        {"type": "object", "additionalProperties": _ANY},
    ]
}


def narrowed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Without remarks; open ends bounded; and where an object's properties are listed and nothing is said of others,
    there are none."""
    new: dict[str, Any] = _narrowed(schema, _may_close(schema))
    if any(one == _ANY for one in _subschemas(new)):
        new["$defs"] = {**new.get("$defs", {}), _ANYTHING: _ANY_DEFINED}
    return new


def _narrowed(schema: Any, closes: bool) -> Any:  # noqa: FBT001
    if schema is True:
        return dict(_ANY)
    if isinstance(schema, list):
        return [_narrowed(one, closes) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    new: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _REMARKS:
            continue
        if key in _BY_NAME and isinstance(value, Mapping):
            new[key] = {name: _narrowed(one, closes) for name, one in value.items()}
        else:
            new[key] = value if key in _VALUES else _narrowed(value, closes)
    if closes:
        _close(new)
    _bound(new)
    _spell(new)
    return new or dict(_ANY)


def _close(schema: dict[str, Any]) -> None:
    types, properties = _types(schema), schema.get("properties")
    if not _says(schema, "additionalProperties", "patternProperties", "minProperties", *_CHOICES):
        if properties and set(schema.get("required", ())) <= set(properties):
            schema["additionalProperties"] = False
        elif "object" in types:
            schema["additionalProperties"] = dict(_ANY)
    if "array" in types and not _says(schema, "items", *_CHOICES):
        schema["items"] = dict(_ANY)


def _bound(schema: dict[str, Any]) -> None:
    for kind in set(_types(schema)) & set(_LARGEST):
        if not _says(schema, "minimum", "exclusiveMinimum", "enum", "const"):
            schema["minimum"] = -_LARGEST[kind]
        if not _says(schema, "maximum", "exclusiveMaximum", "enum", "const"):
            schema["maximum"] = _LARGEST[kind]


def _spell(schema: dict[str, Any]) -> None:
    spelling = schema.get("format")
    if not isinstance(spelling, str) or spelling in _FORMATS:
        return
    del schema["format"]
    if spelling in _PATTERNS and "pattern" not in schema:
        schema["pattern"] = _PATTERNS[spelling]


def _types(schema: Mapping[str, Any]) -> list[Any]:
    types = schema.get("type", [])
    return types if isinstance(types, list) else [types]


def _says(schema: Mapping[str, Any], *keys: str) -> bool:
    return any(key in schema for key in keys)


def _may_close(schema: Any) -> bool:
    """Whether each object is described in one place: closed halves of an intersection would leave nothing."""
    return not any(
        "allOf" in one or (_says(one, "properties", "items") and _says(one, *_CHOICES)) for one in _subschemas(schema)
    )


def _subschemas(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, Mapping):
        yield schema
        for value in schema.values():
            yield from _subschemas(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _subschemas(value)
