"""Typed fields of a JSON object; a wrong one is an InvalidRequest in the API's own wording."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from queue_config.errors import InvalidRequest

MAX_SCHEMA_BYTES = 65_536
MAX_BLOCKS = 1_000
"""Of content in one list: a message's, a tool result's, a document's, the system prompt's."""


class _Required:
    """The default of a field that has none."""


REQUIRED: Final = _Required()


def present(obj: dict[str, Any], name: str, path: str = "") -> Any:
    """The field's value; InvalidRequest where it is missing."""
    if name not in obj:
        raise InvalidRequest(f"{path}{name}: Field required")
    return obj[name]


def string(obj: dict[str, Any], name: str, path: str = "") -> str:
    value = present(obj, name, path)
    if not isinstance(value, str):
        raise InvalidRequest(f"{path}{name}: Input should be a valid string")
    return value


def array(obj: dict[str, Any], name: str, path: str = "") -> list[Any]:
    value = present(obj, name, path)
    if not isinstance(value, list):
        raise InvalidRequest(f"{path}{name}: Input should be a valid array")
    return value


def check_length(values: list[Any], path: str, most: int, what: str) -> None:
    """Raise InvalidRequest for a list of more than `most` of them."""
    if len(values) > most:
        raise InvalidRequest(f"{path}: at most {most} {what} are allowed")


def mapping(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path}: Input should be an object")
    return value


def schema(value: Any, path: str) -> dict[str, Any]:
    """A JSON schema, unread, but of a size that may be compiled."""
    given = mapping(value, path)
    if len(orjson.dumps(given)) > MAX_SCHEMA_BYTES:
        raise InvalidRequest(f"{path}: at most {MAX_SCHEMA_BYTES} bytes of JSON are allowed")
    return given


def boolean(obj: dict[str, Any], name: str, *, default: bool, path: str = "") -> bool:
    """Null counts as left out, here and in no other field: some clients write `"stream": null`."""
    value = obj.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidRequest(f"{path}{name}: Input should be a valid boolean")
    return value


def integer(obj: dict[str, Any], name: str, *, minimum: int, default: int | _Required = REQUIRED) -> int:
    value = present(obj, name) if isinstance(default, _Required) else obj.get(name, default)
    # In Python a bool is an int; on the wire it is not.
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidRequest(f"{name}: Input should be a valid integer")
    if value < minimum:
        raise InvalidRequest(f"{name}: Input should be greater than or equal to {minimum}")
    return value


def fraction(obj: dict[str, Any], name: str, *, default: float) -> float:
    """A number from 0 to 1."""
    value = obj.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidRequest(f"{name}: Input should be a valid number")
    if not 0 <= value <= 1:
        raise InvalidRequest(f"{name}: range: 0..1")
    return float(value)


def one_of(obj: dict[str, Any], name: str, options: Sequence[str], path: str = "") -> str:
    value = present(obj, name, path)
    if not isinstance(value, str) or value not in options:
        *most, last = (f"'{option}'" for option in options)
        expected = f"{', '.join(most)} or {last}" if most else last
        raise InvalidRequest(f"{path}{name}: Input should be {expected}")
    return value
