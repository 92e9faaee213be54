"""mlx-lm's parsers, as far as we rely on them: a call in, its name and its arguments out, nonsense is nothing."""

from typing import Any

import pytest

from models.families.template_syntax import FOREIGN
from workers.mlx_engine.tool_parsers import parser_called

SCHEMAS: dict[str, Any] = {
    "look": {"type": "object", "properties": {"at": {"type": "string"}, "n": {"type": "integer"}}}
}
BODIES = {
    "qwen3_coder": "<function=look>\n<parameter=at>\n5\n</parameter>\n<parameter=n>\n5\n</parameter>\n</function>",
    "glm47": "look<arg_key>at</arg_key><arg_value>5</arg_value><arg_key>n</arg_key><arg_value>5</arg_value>",
    "longcat": "look<longcat_arg_key>at</longcat_arg_key><longcat_arg_value>5</longcat_arg_value>"
    "<longcat_arg_key>n</longcat_arg_key><longcat_arg_value>5</longcat_arg_value>",
    "pythonic": '[look(at="5", n=5)]',
    "minimax_m2": '<invoke name="look"><parameter name="at">5</parameter><parameter name="n">5</parameter></invoke>',
    "gemma4": 'call:look{at:<|"|>5<|"|>,n:5}',
    "function_gemma": "call:look{at:<escape>5<escape>,n:5}",
    "muse_spark": '<atem:invoke name="look"><atem:parameter name="at">"5"</atem:parameter>'
    '<atem:parameter name="n">5</atem:parameter></atem:invoke>',
}


def test_every_format_that_we_name_is_here() -> None:
    assert {parser for parser, *_ in FOREIGN} == BODIES.keys()


@pytest.mark.parametrize("name", BODIES)
def test_a_call_is_read_with_the_types_of_its_schema(name: str) -> None:
    assert parser_called(name)(BODIES[name], SCHEMAS) == [("look", {"at": "5", "n": 5})]


@pytest.mark.parametrize("name", sorted(BODIES.keys() - {"glm47"}))  # that one takes any word for a tool's name
def test_what_is_no_call_is_none(name: str) -> None:
    assert parser_called(name)("?!", SCHEMAS) == []
