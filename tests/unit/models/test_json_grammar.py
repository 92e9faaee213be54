"""What a rule takes fits its schema, and it takes what the schema's author means."""

import json
from typing import Any

import jsonschema_rs
import llguidance
import numpy as np
import pytest

from models.json_grammar import SchemaRefused, json_rule, loose_json_rule
from tests.support.byte_vocabulary import EOS_IDS, byte_vocabulary, decode
from tests.support.grammar_reading import Reader
from tests.support.schemas import SCHEMAS
from workers.constraint_closing import Closing
from workers.constraint_grammar import GrammarConstraint


def _reader(schema: dict[str, Any]) -> Reader:
    return Reader(f"start: {json_rule(schema)}\n")


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _drawn(schema: dict[str, Any], seed: int, max_tokens: int = 900) -> str:
    """By a model that knows nothing: any allowed token is as likely as another."""
    random = np.random.default_rng(seed)
    vocabulary = byte_vocabulary()
    grammar = f"start: {json_rule(schema)}\n"
    matcher = llguidance.LLMatcher(vocabulary.library, grammar, log_level=0)
    constraint = GrammarConstraint(matcher, vocabulary, Closing(vocabulary), grammar, max_tokens)
    tokens: list[int] = []
    while not tokens or tokens[-1] not in EOS_IDS:
        bits = np.unpackbits(constraint.allowed().view(np.uint8), bitorder="little")
        tokens.append(int(random.choice(np.flatnonzero(bits))))
        constraint.push(tokens[-1])
    assert len(tokens) <= max_tokens
    return decode(tokens[:-1])


FORMATS = ("date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri")
MORE_SCHEMAS: dict[str, Any] = {
    "anything": {},
    "any items": {"type": "array"},
    "any properties": _object(a=True, b={"type": "array"}) | {"additionalProperties": True},
    **{name: _object(a={"type": "string", "format": name}) | {"required": ["a"]} for name in FORMATS},
}


@pytest.mark.parametrize("name", [*SCHEMAS, *MORE_SCHEMAS])
def test_whatever_is_drawn_under_a_schema_fits_it_and_is_finite(name: str) -> None:
    schema = (SCHEMAS | MORE_SCHEMAS)[name]
    fits = jsonschema_rs.validator_for(schema, validate_formats=True)

    for seed in range(10):
        value = json.loads(_drawn(schema, seed))
        fits.validate(value)
        json.dumps(value, allow_nan=False)


def test_an_object_whose_properties_are_listed_has_no_others() -> None:
    reader = _reader(_object(a={"type": "integer"}))

    assert [reader.takes(text) for text in ("{}", '{"a": 1}', '{"b": 1}', '{"a": 1, "b": 1}')] == [
        True, True, False, False,
    ]  # fmt: skip


def test_an_object_that_says_so_has_others() -> None:
    reader = _reader(_object(a={"type": "integer"}) | {"additionalProperties": {"type": "integer"}})

    assert [reader.takes(text) for text in ('{"a": 1, "b": 1}', '{"b": "x"}')] == [True, False]


def test_an_object_of_which_nothing_is_known_has_any() -> None:
    assert _reader({"type": "object"}).takes('{"a": {"b": [1, "x", null]}}')


def test_halves_of_an_intersection_stay_open_for_each_other() -> None:
    halves = [
        _object(a={"type": "integer"}) | {"required": ["a"]},
        _object(b={"type": "integer"}) | {"required": ["b"]},
    ]

    assert _reader({"allOf": halves}).takes('{"a": 1, "b": 2}')
    assert _reader({**_object(a={"type": "integer"}), "anyOf": [{"required": ["b"]}]}).takes('{"b": 2}')


def test_remarks_and_unknown_formats_are_no_obstacle_and_properties_so_named_stay() -> None:
    schema = _object(
        title={"type": "string", "format": "colour", "description": "of it", "examples": [1]},
        format={"type": "string", "format": "date"},
    )

    reader = _reader(
        schema | {"title": "A thing", "default": {}, "$schema": "https://json-schema.org/draft/2020-12/schema"}
    )
    assert [reader.takes(text) for text in ('{"title": "red", "format": "2024-02-28"}', '{"format": "red"}')] == [
        True, False,
    ]  # fmt: skip


def test_enums_that_look_like_schemas_are_values() -> None:
    assert _reader({"enum": [{"title": "x", "format": "y"}]}).takes('{"title": "x", "format": "y"}')


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"$ref": "https://example.com/schema"},
        {"type": "array", "uniqueItems": True},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "string", "pattern": "(?=x)y"},
    ],
)
def test_what_can_not_be_enforced_is_refused_in_one_sentence(schema: dict[str, Any]) -> None:
    with pytest.raises(SchemaRefused, match=r"^this JSON Schema can't be enforced: .+") as told:
        json_rule(schema)

    assert "\n" not in str(told.value)


def test_loosely_an_unknown_demand_is_left_out_and_the_rest_holds() -> None:
    rule = loose_json_rule(_object(a={"type": "array", "uniqueItems": True, "items": {"type": "integer"}}))

    reader = Reader(f"start: {rule}\n")
    assert [reader.takes(text) for text in ('{"a": [1, 1]}', '{"a": ["x"]}')] == [True, False]


def test_loosely_a_schema_of_which_nothing_can_be_made_is_any_object() -> None:
    reader = Reader(f"start: {loose_json_rule({'type': 'object', 'properties': {'a': {'type': 'strin'}}})}\n")

    assert [reader.takes(text) for text in ('{"a": 1}', "[]")] == [True, False]
