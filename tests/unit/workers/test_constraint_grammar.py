"""A grammar holds an answer from its first token to its last, and brings it to its end in time."""

import json
from typing import Any

import llguidance
import numpy as np
import pytest

from models.json_grammar import json_rule
from tests.support.byte_vocabulary import EOS_IDS, MARKER, SPECIAL, byte_vocabulary, decode, encode
from workers.constraint_closing import Closing, reserve_tokens
from workers.constraint_grammar import GrammarConstraint
from workers.constraint_mask import has, mask_of

VOCABULARY = byte_vocabulary()
CLOSING = Closing(VOCABULARY)


def _constraint(grammar: str, max_tokens: int = 10_000) -> GrammarConstraint:
    matcher = llguidance.LLMatcher(VOCABULARY.library, grammar, log_level=0)
    assert not matcher.is_error()
    return GrammarConstraint(matcher, VOCABULARY, CLOSING, grammar, max_tokens)


def _allowed(constraint: GrammarConstraint) -> set[int]:
    bits = np.unpackbits(constraint.allowed().view(np.uint8), bitorder="little")
    return {int(token) for token in np.flatnonzero(bits)}


def _tokens(*texts: str) -> set[int]:
    return {encode(text, special=True)[0] for text in texts}


def test_a_mask_has_a_bit_for_each_token() -> None:
    mask = mask_of([0, 31, 32, 70], 71)

    assert (mask.size, [token for token in range(96) if has(mask, token)]) == (3, [0, 31, 32, 70])


def test_only_what_goes_on_with_the_grammar_is_allowed() -> None:
    constraint = _constraint('start: "tool_call" ("x" | "y")\n')
    first = _allowed(constraint)
    for token in encode("tool_call"):
        constraint.push(token)

    assert (first, _allowed(constraint)) == (_tokens("tool"), _tokens("x", "y"))


def test_all_that_end_an_answer_are_allowed_where_it_may_end_and_nothing_follows() -> None:
    constraint = _constraint('start: "a" "b"?\n')
    before = _allowed(constraint)
    constraint.push(*_tokens("a"))
    after = _allowed(constraint)
    for end in EOS_IDS:
        constraint.restart(encode("a"))
        constraint.push(end)
        assert _allowed(constraint) == EOS_IDS

    assert (before, after) == (_tokens("a"), _tokens("b") | EOS_IDS)


def test_restarting_follows_anew_from_the_tokens_given() -> None:
    constraint = _constraint('start: "a" "b" "c"\n')
    for token in encode("ab"):
        constraint.push(token)
    constraint.restart(encode("a"))

    assert _allowed(constraint) == _tokens("b")


def test_answers_that_share_a_compiled_grammar_do_not_disturb_each_other() -> None:
    matcher = llguidance.LLMatcher(VOCABULARY.library, 'start: "a" "b"\n', log_level=0)
    one, other = (GrammarConstraint(matcher, VOCABULARY, CLOSING, "", 100) for _ in range(2))
    one.push(*_tokens("a"))

    assert (_allowed(one), _allowed(other)) == (_tokens("b"), _tokens("a"))


def test_a_fork_goes_its_own_way_from_here() -> None:
    constraint = _constraint('start: "a" "b" "c"\n')
    constraint.push(*_tokens("a"))
    fork = constraint.fork()
    fork.push(*_tokens("b"))

    assert (_allowed(constraint), _allowed(fork)) == (_tokens("b"), _tokens("c"))


def test_a_token_that_does_not_fit_raises() -> None:
    constraint = _constraint('start: "a"\n')

    with pytest.raises(ValueError, match="doesn't satisfy the grammar") as told:
        constraint.push(*_tokens("b"))
    assert "\n" not in str(told.value)


def test_an_output_that_does_not_fit_raises() -> None:
    with pytest.raises(ValueError, match="doesn't satisfy the grammar"):
        _constraint('start: "a"\n').restart(encode("ba"))


def test_a_special_token_is_not_spelled() -> None:
    constraint = _constraint(f'start: <[{SPECIAL[MARKER]}]> "x"\n')

    assert _allowed(constraint) == {SPECIAL[MARKER]}


STRING: dict[str, Any] = {"type": "string"}
ENDLESS: dict[str, Any] = {
    "string": STRING,
    "number": {"type": "object", "properties": {"a": {"type": "number"}, "b": STRING}, "required": ["a", "b"]},
    "list": {"type": "array", "items": STRING},
    "objects": {"type": "object", "additionalProperties": STRING},
    "optional": {"type": "object", "properties": dict.fromkeys("abc", STRING)},
    "recursive": {
        "$defs": {"a": {"type": "object", "properties": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}},
                        "required": ["a"]}},
        "$ref": "#/$defs/a",
    },
}  # fmt: skip


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("name", ENDLESS)
def test_json_that_would_go_on_for_ever_is_whole_within_max_tokens(name: str, *, last: bool) -> None:
    """A model that never ends anything of its own accord: it takes the first letter, digit or opening it may."""
    constraint = _constraint(f"start: {json_rule(ENDLESS[name])}\n", max_tokens=400)
    prefers = [*b"abc123{[", *b'",:'] if last else [*b'[{321cba",:']
    tokens: list[int] = []
    while not tokens or tokens[-1] not in EOS_IDS:
        allowed = _allowed(constraint)
        tokens.append(next((token for token in prefers if token in allowed), min(allowed)))
        constraint.push(tokens[-1])

    assert len(tokens) <= 400
    json.loads(decode(tokens[:-1]))


def test_nothing_is_narrowed_before_it_has_to_be() -> None:
    grammar = f"start: {json_rule(STRING)}\n"
    reserve = reserve_tokens(grammar, 400)
    constraint = _constraint(grammar, max_tokens=400)
    constraint.restart(encode('"' + "x" * (399 - reserve - 1)))
    wide = _allowed(constraint)
    constraint.push(*_tokens("x"))

    assert (_tokens("x", '"') <= wide, _allowed(constraint)) == (True, _tokens('"'))


def test_free_text_is_never_narrowed() -> None:
    constraint = _constraint("start: /(?s:.*)/\n", max_tokens=100)
    wide = _allowed(constraint)
    constraint.restart(encode("x" * 99))

    assert _allowed(constraint) == wide


def test_a_call_is_not_followed_by_another_that_there_is_no_room_for() -> None:
    constraint = _constraint('start: ("f" "{}" "\\n"?)+\n', max_tokens=60)
    constraint.restart(encode("f{}"))
    early = _allowed(constraint)
    constraint.restart(encode("f{}" * 19))

    assert (early, _allowed(constraint)) == (_tokens("f", "\n") | EOS_IDS, set(EOS_IDS))
