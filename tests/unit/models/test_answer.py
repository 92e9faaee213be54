"""AnswerSplitter: whatever a model writes, and however it is cut, text, thinking and calls come out as they should."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.answer import AnswerPart, AnswerSplitter, Called, Given, Said, Thought
from models.families.llama3 import CALLS as LLAMA
from models.families.phi3 import CALLS as PHI
from models.syntax import HERMES, AnswerSyntax, CallSyntax, ThinkSyntax

THINK = ThinkSyntax()
OPENED = ThinkSyntax(opened=True)
MISTRAL = CallSyntax("[TOOL_CALLS]", closing="", body="list", inside=" ", between="")
NAMED = CallSyntax("[TOOL_CALLS]", closing="", body="named", inside="", separator="[ARGS]", id_marker="[CALL_ID]")
FOREIGN = CallSyntax(body="other", parser="x")
A_CALL = '<tool_call>\n{"name": "look", "arguments": {"at": "it"}}\n</tool_call>'


def joined(parts: list[AnswerPart]) -> list[AnswerPart]:
    """With neighbours of one kind made one."""
    result: list[AnswerPart] = []
    for part in parts:
        match result[-1:], part:
            case [Said(a)], Said(b):
                result[-1] = Said(a + b)
            case [Thought(a)], Thought(b):
                result[-1] = Thought(a + b)
            case [Given(a)], Given(b):
                result[-1] = Given(a + b)
            case _:
                result.append(part)
    return result


def split(  # noqa: PLR0913 - each is one thing that may be otherwise
    text: str,
    calls: CallSyntax = HERMES,
    *,
    cuts: tuple[int, ...] = (),
    cut: bool = False,
    think: ThinkSyntax | None = None,
    thinking: bool = True,
    tools: tuple[str, ...] = ("look", "go"),
    max_calls: int = 0,
) -> list[AnswerPart]:
    """What comes of a text that is cut into pieces at these places, and ended or cut off."""
    splitter = AnswerSplitter(
        AnswerSyntax(calls, think), tools=tools, thinking=thinking, max_calls=max_calls, parse=lambda t: [(t, {"a": 1})]
    )
    places = [0, *sorted({at for at in cuts if at < len(text)}), len(text)]
    parts: list[AnswerPart] = []
    for start, end in pairwise(places):
        parts += splitter.push(text[start:end])
    return joined([*parts, *splitter.end(cut=cut)])


CALL: list[AnswerPart] = [Called("look"), Given('{"at": "it"}')]
GO: list[AnswerPart] = [Called("go"), Given("{}")]


def look(arguments: str) -> list[AnswerPart]:
    return [Called("look"), Given(arguments)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("just text\n", [Said("just text\n")]),
        (A_CALL, CALL),
        (f"Let me.\n\n{A_CALL}\n{A_CALL}\n", [Said("Let me.\n"), *CALL, *CALL]),
        (f"\n{A_CALL}\n\n Done.", [*CALL, Said("\n Done.")]),
        ('<tool_call>{"name":"look","arguments":{"at":"it"}}', look('{"at":"it"}')),
        ('<tool_call>\n{"arguments": {"at": "it"}, "name": "look"}\n</tool_call>', CALL),
        ('<tool_call>\n{"name": "look", "parameters": {"at": "it"}}\n</tool_call>', CALL),
        ('<tool_call>[{"name": "look", "arguments": {"at": "it"}}, {"name": "go"}]</tool_call>',
         [*CALL, *GO]),
        ('<tool_call>{"type": "function", "function": {"name": "look", "arguments": {"at": "it"}}}</tool_call>', CALL),
        ('<tool_call>{"name": "look", "arguments": "{\\"at\\": \\"it\\"}"}</tool_call>', CALL),
        ('<tool_call>{"name": "look", "arguments": null}}</tool_call>x', [*look("{}"), Said("x")]),
        ('<tool_call>{"name": "fly", "arguments": {}}</tool_call>', [Called("fly"), Given("{}")]),
        ('<tool_call>{"name": "look", "arguments": {"at": "</tool_call>"}}</tool_call>',
         look('{"at": "</tool_call>"}')),
        ("The <tool_call> tag, </tool_call>!", [Said("The  tag, !")]),
        ("<tool_call><tool_call>" + A_CALL, CALL),
        ("<tool_call>\n{'name': 'look'}\n</tool_call>\nSorry.", [Said("Sorry.")]),
        ('<tool_call>{"name": "no such thing!"}</tool_call>', []),
        ("a < b <tool", [Said("a < b <tool")]),
        ('<tool_call>{"name": "look", "arguments": {"at": "a\nb\\d", "n": True,}}</tool_call>',
         look('{"at": "a\\nb\\\\d", "n": true}')),
    ],
)  # fmt: skip
def test_calls_are_told_from_text(text: str, expected: list[AnswerPart]) -> None:
    assert split(text) == expected


def test_without_tools_markers_are_text() -> None:
    assert split(A_CALL, tools=()) == [Said(A_CALL)]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ('{"at": "it" oops</tool_call>', {"at": "it", "__unparsedToolInput": {"raw": "oops", "len": 4}}),
        ('{"a": [1, {"b": x</tool_call>', {"a": [1, {"b": None}], "__unparsedToolInput": {"raw": "", "len": 0}}),
        ('{"a": "never closed', {"a": "never closed", "__unparsedToolInput": {"raw": "", "len": 0}}),
        ("{", {"__unparsedToolInput": {"raw": "", "len": 0}}),
        ('{"at": "it" ,n"": 1}}</tool_call>', {"at": "it", "__unparsedToolInput": {"raw": "", "len": 0}}),
        ('{"at": [1, }}</tool_call>', {"at": [1], "__unparsedToolInput": {"raw": "", "len": 0}}),
        ("[1, 2]}</tool_call>", {"__unparsedToolInput": {"raw": "[1, 2]", "len": 6}}),
        ('"no JSON"}</tool_call>', {"__unparsedToolInput": {"raw": "no JSON", "len": 7}}),
    ],
)
def test_arguments_that_break_off_still_make_an_object_that_says_so(text: str, given: dict[str, object]) -> None:
    name, arguments = split('<tool_call>{"name": "look", "arguments": ' + text)

    assert name == Called("look")
    assert isinstance(arguments, Given)
    assert json.loads(arguments.json).keys() == given.keys()


def test_a_call_that_max_tokens_cut_off_stays_cut_off() -> None:
    assert split('<tool_call>\n{"name": "look", "arguments": {"at": "i', cut=True) == [
        Called("look"),
        Given('{"at": "i'),
    ]
    assert split('Now.\n<tool_call>\n{"name": "lo', cut=True) == [Said("Now.")]
    assert split("Now.\n<tool_c", cut=True) == [Said("Now.\n")]


def test_after_the_last_call_that_may_be_nothing_comes() -> None:
    splitter = AnswerSplitter(AnswerSyntax(), tools=["look"], max_calls=1)

    parts = splitter.push(A_CALL + A_CALL + "text")

    assert (joined(parts), splitter.full) == (CALL, True)


@pytest.mark.parametrize(
    ("think", "text", "expected"),
    [
        (THINK, "<think>\nHm.\n</think>\n\nYes.", [Thought("Hm."), Said("Yes.")]),
        (THINK, "<think>\n\n</think>\n\nYes.", [Said("Yes.")]),
        (THINK, "Yes, <think>.", [Said("Yes, <think>.")]),
        (THINK, "<think>\nnever closed", [Thought("never closed")]),
        (THINK, f"<think>\n{A_CALL}\n</think>\n\n{A_CALL}", [Thought(A_CALL), *CALL]),
        (THINK, "<think>\n\n Hm. \n\n</think>\nYes.", [Thought("\n Hm. \n"), Said("Yes.")]),
        (OPENED, "Hm.\n</think>\n\nYes.", [Thought("Hm."), Said("Yes.")]),
        (OPENED, "<think>\nHm.\n</think>\n\n\nYes.", [Thought("Hm."), Said("\nYes.")]),
        (OPENED, "</think>\n\nYes.", [Said("Yes.")]),
    ],
)
def test_thinking_comes_first(think: ThinkSyntax, text: str, expected: list[AnswerPart]) -> None:
    assert split(text, think=think) == expected


def test_thinking_that_nobody_asked_for_is_left_out() -> None:
    assert split("<think>\nHm.\n</think>\n\nYes.", think=THINK, thinking=False) == [Said("Yes.")]


@pytest.mark.parametrize(
    ("calls", "text", "expected"),
    [
        (LLAMA, '{"name": "look", "parameters": {"at": "it"}}', CALL),
        (LLAMA, '{"name": "look", "parameters": {"at": "it"}}; {"name": "go", "parameters": {}}', [*CALL, *GO]),
        (LLAMA, '<|python_tag|>{"name": "look", "parameters": {"at": "it"}}', CALL),
        (LLAMA, '{"name": "Bob", "parameters": {}}', [Said('{"name": "Bob", "parameters": {}}')]),
        (LLAMA, '{"name": "look", "why": "so", "parameters": {}}',
         [Said('{"name": "look", "why": "so", "parameters": {}}')]),
        (LLAMA, '{"name": "look", "parameters": {"at": "it"}, "why": "so"}', CALL),
        (LLAMA, '{"answer": 5}', [Said('{"answer": 5}')]),
        (LLAMA, 'It is {"name": "look", "parameters": {}}', [Said('It is {"name": "look", "parameters": {}}')]),
        (PHI, '<|tool_call|>[{"name": "look", "arguments": {"at": "it"}}]<|/tool_call|>', CALL),
        (MISTRAL, 'So.[TOOL_CALLS] [{"name": "look", "arguments": {"at": "it"}}, {"name": "go", "arguments": {}}]',
         [Said("So."), *CALL, *GO]),
        (NAMED, '[TOOL_CALLS]look[ARGS]{"at": "it"}[TOOL_CALLS]go[CALL_ID]x1[ARGS]{}', [*CALL, *GO]),
        (FOREIGN, "ok\n<tool_call>whatever</tool_call>", [Said("ok"), Called("whatever"), Given('{"a": 1}')]),
        (FOREIGN, A_CALL, CALL),
    ],
)  # fmt: skip
def test_every_format_is_read(calls: CallSyntax, text: str, expected: list[AnswerPart]) -> None:
    assert split(text, calls) == expected


SCRAPS = st.sampled_from([
    "<tool_call>", "</tool_call>", "<think>", "</think>", "[TOOL_CALLS]", "[ARGS]", "look", "\n", " ", "text", "<",
    '{"name": "look", "arguments": ', '{"at": "it"}', '"name"', "{", "}", "[", "]", ",", ":", '"', "\\", "\\u00e9",
    "\\ud83d", "\\ude00", "1", "-", "e", "true", "é",
])  # fmt: skip
WRITINGS = st.lists(SCRAPS, max_size=30).map("".join) | st.text(max_size=20)
SYNTAXES = st.sampled_from([HERMES, LLAMA, PHI, MISTRAL, NAMED, FOREIGN])
THINKING = st.sampled_from([None, THINK, OPENED])


@settings(max_examples=400)
@given(
    text=WRITINGS,
    calls=SYNTAXES,
    think=THINKING,
    cut=st.booleans(),
    cuts=st.lists(st.integers(1, 200)),
    most=st.integers(0, 2),
)
@example(text="<tool_call>[", calls=HERMES, think=None, cut=False, cuts=[11], most=0)
def test_however_the_text_is_cut_the_parts_are_the_same_and_legal(
    text: str, calls: CallSyntax, think: ThinkSyntax | None, cut: bool, cuts: list[int], most: int
) -> None:
    whole = split(text, calls, think=think, cut=cut, max_calls=most)

    assert split(text, calls, think=think, cut=cut, cuts=tuple(cuts), max_calls=most) == whole
    assert split(text, calls, think=think, cut=cut, cuts=tuple(range(len(text))), max_calls=most) == whole
    check_legal(whole, calls, cut=cut)


def check_legal(parts: list[AnswerPart], calls: CallSyntax, *, cut: bool) -> None:
    """Arguments follow their call and are objects, thinking comes first, and no marker is in the text."""
    for before, part in zip([None, *parts], parts, strict=False):
        assert isinstance(part, Given) <= isinstance(before, Called)
        assert isinstance(part, Thought) <= (before is None)
        if isinstance(part, Said):
            assert not any(marker in part.text for marker in {calls.opening, calls.closing} - {""})
        if isinstance(part, Given) and not (cut and part is parts[-1]):
            assert isinstance(json.loads(part.json), dict)
            part.json.encode()
    if not cut:
        assert not any(isinstance(part, Called) for part in parts[-1:])
