"""A chat template that loops or explodes is stopped, and says so."""

import pytest

from models.conversation import conversation
from models.errors import PromptRejected
from models.families import jinja
from models.families.bounded_jinja import BoundedEnvironment, TemplateTooLong
from models.families.template import TemplateFamily, TemplateStopped

CPU_S = 0.05
DOUBLING = "{% set n = namespace(t='x') %}{% for i in range(64) %}{% set n.t = "


def rendered(source: str, cpu_s: float = CPU_S, **given: object) -> str:
    environment = BoundedEnvironment(cpu_s)
    return environment.write(environment.from_string(source), **given)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        "{% for i in range(99999) %}{{ range(99999) | map('string') | join | length }}{% endfor %}",
        "{% for i in range(99999) %}{{ range(99999) | select('odd') | list | length }}{% endfor %}",
        "{% for i in range(99999) %}{{ range(99999) | sum }}{% endfor %}",
    ],
)
def test_what_does_not_end_is_stopped(source: str) -> None:
    with pytest.raises(TemplateTooLong, match="longer than"):
        rendered(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' * 10 ** 12 }}",
        "{{ 10 ** 12 * 'x' }}",
        "{{ 10 ** 100000 }}",
        "{{ '%1000000000000d' % 1 }}",
        "{{ [1] * 10 ** 12 }}",
        DOUBLING + "n.t ~ n.t %}{% endfor %}",
        DOUBLING + "n.t + n.t %}{% endfor %}",
        DOUBLING + "n.t | replace('x', 'xxxxxxxxxxxxxxxx') %}{% endfor %}",
        DOUBLING + "n.t.replace('x', 'xxxxxxxxxxxxxxxx') %}{% endfor %}",
        DOUBLING + "[n.t, n.t] | join %}{% endfor %}",
        DOUBLING + "''.join([n.t, n.t]) %}{% endfor %}",
        "{% set n = namespace(t=2) %}{% for i in range(64) %}{% set n.t = n.t * n.t %}{% endfor %}",
        "{% set t = 'x' * 1000000 %}{% for i in range(99) %}{{ t }}{% endfor %}",
    ],
)
def test_what_makes_too_much_is_stopped(source: str) -> None:
    with pytest.raises(TemplateTooLong):
        rendered(source, cpu_s=60)


@pytest.mark.parametrize(
    "source",
    ["{{ 'x'.center(10 ** 12) }}", "{{ '{:>1000000000000}'.format(1) }}", "{{ 'x'.zfill(10 ** 12) }}"],
)
def test_what_pads_is_not_there(source: str) -> None:
    with pytest.raises(Exception, match="unsafe"):
        rendered(source)


def test_loops_calls_and_joins_are_what_they_were() -> None:
    source = (
        "{% for m in messages %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{{ m.a ~ '-' ~ m['b'] }}"
        "{% else %}none{% endfor %}{% for k, v in {'x': 1}.items() %}{{ k ~ v ~ none ~ missing }}{% endfor %}"
        "{{ 'a b'.split(' ')[1].replace('b', 'c') }}{{ [1, 2] | map('string') | join('+') }}{{ 7 % 4 + 2 ** 3 * 2 }}"
        "{% for a in [1, 2, 3] if a is odd %}{{ loop.cycle('p', 'q') }}{% endfor %}"
    )

    assert rendered(source, messages=[{"a": 1, "b": 2}, {"a": "é", "b": "z"}]) == "1/2,1-22/2é-zx1Nonec1+219pq"
    assert rendered("{% for m in messages %}{{ m }}{% else %}none{% endfor %}", messages=[]) == "none"


def test_many_messages_are_written_in_time() -> None:
    source = "{% for m in messages %}{{ '<' ~ m.role ~ '>' + m.content | trim + '\n' }}{% endfor %}"
    messages = [{"role": "user", "content": " x "}] * 20_000

    assert rendered(source, cpu_s=20, messages=messages) == "<user>x\n" * 20_000


def test_a_template_that_is_stopped_is_not_tried_in_other_words() -> None:
    tries: list[object] = []

    def seen(messages: object) -> str:
        tries.append(messages)
        return ""

    # Refuses system prompts, as some do, but this one by never ending.
    source = "{{ seen(messages) }}{% for i in range(9) %}{{ 'x' * 10000000 }}{% endfor %}"
    family = TemplateFamily(jinja.compiled(source), {})
    family.template.template.globals["seen"] = seen

    with pytest.raises(TemplateStopped, match="was stopped: it writes more than 16000000 characters"):
        family.render(conversation("S", [("user", "x")]))
    assert len(tries) == 1


def test_whatever_a_template_raises_is_a_refusal() -> None:
    for source in ("{{ 1 / 0 }}", "{{ range(10 ** 9) }}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"):
        family = TemplateFamily(jinja.compiled(source), {})

        with pytest.raises(PromptRejected, match="refuses this conversation"):
            family.render(conversation("", [("user", "x")]))
