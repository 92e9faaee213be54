"""Each family writes what the model's real chat template writes, as transformers would render it."""

from dataclasses import replace

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from models.conversation import Role, conversation
from models.errors import ModelRefused, PromptRejected
from models.families import Family, family_of_template
from models.families.chatml import PHI4, ChatML
from models.families.mistral import VERSIONS
from models.families.template import TemplateFamily, compiled
from models.prompt import as_text
from tests.unit.models.real_templates import real_templates, special_tokens

TEMPLATES = real_templates()
FAMILIES = {
    "smollm2": "chatml",
    "qwen2_5": "chatml",
    "qwen3": "qwen3",
    "phi3": "phi3",
    "phi3_with_bos": "phi3",
    "phi4_mini": "phi3",
    "llama3": "llama3",
    "llama3_2": "llama3",
    "mistral": "mistral-v1",
    "mistral_without_system": "mistral-v1",
    "gemma2": "gemma",
    "llama2": "template",
    "bare_chatml": "template",
}
REFUSES_SYSTEM = {"mistral_without_system", "gemma2"}
TURNS: dict[str, list[tuple[Role, str]]] = {
    "one turn": [("user", "Hi")],
    "unicode and braces": [("user", "größer 漢字 😀 {{ x }} {% raw %}")],
    "white space at the ends": [("user", "  Hi\n"), ("assistant", "\n Well \n\n"), ("user", "\tso? ")],
    "five turns": [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")],
    "prefill": [("user", "Count."), ("assistant", "one, two,")],
    "later prefill": [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "It is: 4")],
}
SYSTEMS = ("", " Be brief.\n\nBe kind. ")


def family(name: str) -> Family:
    return family_of_template(TEMPLATES[name], special_tokens(name))


def as_template(name: str) -> Family:
    """The same, but forgetful where the template is: that past answers had no thinking."""
    found = family(name)
    return replace(found, shows_no_thinking=False) if isinstance(found, ChatML) else found


def reference(name: str, system: str, turns: list[tuple[Role, str]]) -> str:
    """What transformers makes of the template."""
    messages = [{"role": role, "content": text} for role, text in ([("system", system)] if system else []) + turns]
    prefilled = turns[-1][0] == "assistant"
    rendered, _ = render_jinja_template(
        conversations=[messages],
        chat_template=TEMPLATES[name],
        add_generation_prompt=not prefilled,
        continue_final_message=prefilled,
        enable_thinking=False,
        **special_tokens(name),
    )
    return str(rendered[0])


@pytest.mark.parametrize(("name", "expected"), FAMILIES.items())
def test_a_family_is_recognised_by_what_the_template_writes(name: str, expected: str) -> None:
    assert family(name).name == expected


@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
@pytest.mark.parametrize(
    ("name", "system"),
    [(name, system) for name in FAMILIES for system in SYSTEMS if not (system and name in REFUSES_SYSTEM)],
)
def test_a_prompt_equals_the_real_templates(name: str, turns: list[tuple[Role, str]], system: str) -> None:
    assert as_text(as_template(name).render(conversation(system, turns))) == reference(name, system, turns)


@pytest.mark.parametrize("name", sorted(REFUSES_SYSTEM))
def test_where_the_template_refuses_a_system_prompt_it_leads_the_first_user_turn(name: str) -> None:
    ours = family(name).render(conversation("Be brief.", [("user", "Hi")]))

    assert as_text(ours) == reference(name, "", [("user", "Be brief.\n\nHi")])


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - REFUSES_SYSTEM))
def test_the_general_family_equals_every_template(name: str, turns: list[tuple[Role, str]], system: str) -> None:
    own = TemplateFamily(compiled(TEMPLATES[name]), special_tokens(name))

    assert as_text(own.render(conversation(system, turns))) == reference(name, system, turns)


@pytest.mark.parametrize("name", ["smollm2", "qwen2_5", "qwen3", "phi3", "llama3"])
def test_a_system_turn_later_on_is_rendered_in_place(name: str) -> None:
    turns: list[tuple[Role, str]] = [("user", "a"), ("assistant", "b"), ("system", "Now in French."), ("user", "c")]

    assert as_text(as_template(name).render(conversation("", turns))) == reference(name, "", turns)


@pytest.mark.parametrize("name", ["gemma2", "mistral", "llama2"])
def test_formats_without_system_turns_say_them_in_the_users_words(name: str) -> None:
    turns: list[tuple[Role, str]] = [("user", "a"), ("assistant", "b"), ("system", "Now in French."), ("user", "c")]
    folded: list[tuple[Role, str]] = [("user", "a"), ("assistant", "b"), ("user", "Now in French.\n\nc")]

    assert as_text(family(name).render(conversation("", turns))) == reference(name, "", folded)


@pytest.mark.parametrize("name", FAMILIES)
def test_neighbours_of_one_role_are_one_turn(name: str) -> None:
    apart = family(name).render(conversation("", [("user", "a"), ("user", "b")]))

    assert as_text(apart) == as_text(family(name).render(conversation("", [("user", "a\n\nb")])))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_blank_prefill_is_none(name: str) -> None:
    blank = family(name).render(conversation("", [("user", "a"), ("assistant", " ")]))

    assert as_text(blank) == as_text(family(name).render(conversation("", [("user", "a")])))


@pytest.mark.parametrize("name", ["gemma2", "mistral"])
def test_an_assistant_may_not_begin_where_the_format_forbids_it(name: str) -> None:
    with pytest.raises(PromptRejected, match="first message"):
        family(name).render(conversation("", [("assistant", "a"), ("user", "b")]))


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (2, "<s>[INST] S\n\na[/INST] b</s>[INST] c[/INST] d"),
        (3, "<s>[INST] S\n\na[/INST]  b </s>[INST] c[/INST] d"),
        (4, "<s>[INST]S\n\na[/INST] b </s>[INST]c[/INST]d"),
    ],
)
def test_mistrals_system_prompt_stays_at_the_first_user_turn(version: int, expected: str) -> None:
    talk = conversation("S", [("user", "a"), ("assistant", " b "), ("user", "c"), ("assistant", "d")])

    assert as_text(VERSIONS[version].render(talk)) == expected


def test_phi4_separates_role_and_text_by_a_token() -> None:
    prompt = PHI4.render(conversation("S", [("user", "a")]))

    assert as_text(prompt) == (
        "<|im_start|>system<|im_sep|>S<|im_end|><|im_start|>user<|im_sep|>a<|im_end|><|im_start|>assistant<|im_sep|>"
    )


def test_a_template_that_wants_lists_of_parts_gets_them() -> None:
    source = (
        "{% for m in messages %}{{ m.role }}: {% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}"
        "{% endfor %};{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    )
    prompt = family_of_template(source, {}).render(conversation("S", [("user", "a")]))

    assert as_text(prompt) == "system: S;user: a;assistant: "


def test_a_template_that_drops_a_text_is_not_believed() -> None:
    source = "{% for m in messages %}{% if m.role == 'user' %}U:{{ m.content }};{% endif %}{% endfor %}A:"
    prompt = family_of_template(source, {}).render(conversation("S", [("user", "a")]))

    assert as_text(prompt) == "U:S\n\na;A:"


def test_a_template_that_can_say_nothing_of_it_rejects_the_conversation() -> None:
    with pytest.raises(PromptRejected, match="no talking"):
        family_of_template("{{ raise_exception('no talking') }}", {}).render(conversation("", [("user", "a")]))


def test_a_template_cannot_reach_out_of_its_sandbox() -> None:
    source = "{{ messages.__class__.__mro__[1].__subclasses__() }}"

    with pytest.raises(PromptRejected, match="unsafe"):
        family_of_template(source, {}).render(conversation("", [("user", "a")]))


def test_a_broken_template_is_refused_at_once() -> None:
    with pytest.raises(ModelRefused, match="can't be read"):
        family_of_template("{% for %}", {})
