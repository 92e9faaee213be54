"""A conversation that goes on repeats its prompt so far: what was computed of it serves again."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.answer import AnswerSplitter, Called, Given, Said, Thought
from models.conversation import Conversation, Part, Text, Thinking, Tool, ToolResult, ToolUse, Turn
from models.families import Family, family_of_template
from models.families.mistral import VERSIONS
from models.prompt import as_text
from models.syntax import AnswerSyntax
from tests.unit.models.real_templates import real_templates, special_tokens

TOOLS = (Tool("look", "Look.", {"type": "object"}), Tool("go", "Go.", {"type": "object"}))
FAMILIES: dict[str, Family] = {
    name: family_of_template(source, special_tokens(name)) for name, source in real_templates().items()
}
FAMILIES["mistral_tekken"] = VERSIONS[-1]
FAMILIES["opens_thinking"] = family_of_template(
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content.split('</think>')[-1] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}",
    {},
)

WORDS = st.text("ab <>\n", min_size=1, max_size=8).filter(lambda text: text == text.strip())
VALUES = st.recursive(
    st.none() | st.integers() | st.text('a"\\\né<'), lambda inner: st.lists(inner, max_size=2), max_leaves=3
)
CALLS = st.builds(
    lambda name, arguments: ToolUse("", name, json.dumps(arguments, ensure_ascii=False)),
    st.sampled_from(["look", "go"]),
    st.dictionaries(st.text("ab", max_size=2), VALUES, max_size=2),
)
ANSWERS = st.tuples(st.none() | WORDS, st.none() | WORDS, st.lists(CALLS, max_size=2)).filter(
    lambda answer: answer[1] is not None or bool(answer[2])
)


def written(syntax: AnswerSyntax, thoughts: str | None, words: str | None, uses: Sequence[ToolUse]) -> str:
    """What a model writes that has learnt its format well."""
    form = syntax.calls
    objects = [f'{{"name": "{use.name}", "{form.arguments_key}": {use.arguments}}}' for use in uses]
    bodies = [f"[{', '.join(objects)}]"] if form.body == "list" and objects else objects
    calls = form.between.join(f"{form.opening}{form.inside}{b}{form.inside}{form.closing}" for b in bodies)
    if form.closing == "":
        calls = calls.rstrip()
    text = (form.between if words and calls else "").join(filter(None, [words, calls]))
    if syntax.think is None or thoughts is None:
        return text
    opening = "" if syntax.think.opened else "<think>\n"
    return f"{opening}{thoughts}\n</think>\n\n{text}"


def read(syntax: AnswerSyntax, answer: str, round_number: int, *, thinking: bool) -> Turn:
    """As the client sends it back."""
    splitter = AnswerSplitter(syntax, tools=["look", "go"], thinking=thinking)
    parts: list[Part] = []
    for part in [*splitter.push(answer), *splitter.end(cut=False)]:
        match part:
            case Thought(text):
                parts.append(Thinking(text))
            case Said(text):
                parts.append(Text(text))
            case Called(name):
                parts.append(ToolUse(f"{round_number}-{len(parts)}", name, ""))
            case Given(arguments) if isinstance(use := parts[-1], ToolUse):
                parts[-1] = ToolUse(use.id, use.name, use.arguments + arguments)
    return Turn("assistant", _merged(parts))


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    merged: list[Part] = []
    for part in parts:
        if merged and isinstance(part, Text) and isinstance(last := merged[-1], Text):
            merged[-1] = Text(last.text + part.text)
        elif merged and isinstance(part, Thinking) and isinstance(last := merged[-1], Thinking):
            merged[-1] = Thinking(last.text + part.text)
        else:
            merged.append(part)
    return tuple(merged)


def replies(answer: Turn, words: str) -> Turn:
    results = [ToolResult(part.id, part.name, "done") for part in answer.parts if isinstance(part, ToolUse)]
    return Turn("user", (*results, Text(words)))


WRITTEN_BY_THE_MODEL = {"mistral": " ", "llama2": " ", "bare_chatml": "<|im_start|>assistant\n"}
"""What these templates have in front of past answers, and leave to the model in front of a new one."""


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=30)
@given(answers=st.lists(ANSWERS, min_size=1, max_size=3), words=WORDS, thinking=st.booleans(), with_tools=st.booleans())
def test_the_next_prompt_begins_with_this_one_and_its_answer(
    name: str, answers: list[tuple[str | None, str | None, list[ToolUse]]], words: str, thinking: bool, with_tools: bool
) -> None:
    family = FAMILIES[name]
    syntax = family.syntax
    talk = Conversation("S", (Turn("user", (Text(words),)),), TOOLS if with_tools else (), thinking=thinking)
    for number, (thoughts, said, uses) in enumerate(answers):
        # Without markers a call is one only where nothing is said before it.
        said_before = None if uses and not syntax.calls.opening else said
        answer = written(syntax, (thoughts or "hm") if thinking else None, said_before, uses)
        prompt = as_text(family.render(talk)) + WRITTEN_BY_THE_MODEL.get(name, "")
        turn = read(syntax, answer, number, thinking=thinking)

        talk = replace(talk, turns=(*talk.turns, turn, replies(turn, words)))
        following = as_text(family.render(talk))

        # Mistral's prompts give each call an id behind its arguments, which the model doesn't write.
        certain = answer.partition("}, {")[0].removesuffix("}]") if name == "mistral_tekken" else answer
        assert following.startswith(prompt + certain)
