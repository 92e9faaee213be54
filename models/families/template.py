"""Any model's own Jinja chat template as a family: rendered in a sandbox, without ever seeing people's words."""

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any, NoReturn

from jinja2 import Template, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.conversation import Conversation
from models.errors import ModelRefused, PromptRejected
from models.families.turns import join, split_prefill
from models.prompt import Markup, Segment

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TemplateFamily:
    """Each text is replaced by a random word, so neither a role nor a token can be forged through the template."""

    template: Template
    tokens: dict[str, str] = field(default_factory=dict)
    """`bos_token` and its like, which templates name."""
    name: str = "template"

    def render(self, conversation: Conversation) -> list[Segment]:
        refusal: PromptRejected | None = None
        for version, in_parts in product(_ever_plainer(conversation), (False, True)):
            try:
                return self._render(version, in_parts=in_parts)
            except PromptRejected as error:
                refusal = refusal or error
        raise refusal or AssertionError("there is always one version")

    def render_text(self, messages: list[Message], *, answer_follows: bool) -> str:
        """The template's own output, people's words and all: what the other families are compared with."""
        try:
            return self.template.render(
                messages=messages, add_generation_prompt=answer_follows, enable_thinking=False, **self.tokens
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise PromptRejected(f"the model's chat template refuses this conversation: {error}") from error

    def _render(self, conversation: Conversation, *, in_parts: bool) -> list[Segment]:
        key = secrets.token_hex(8)
        texts: list[str] = []
        messages: list[Message] = []
        for role, text in _messages(conversation):
            content = _masked(text, key, texts)
            # Templates of models that see pictures look for a list, and print nothing of a plain text.
            messages.append({"role": role, "content": [{"type": "text", "text": content}] if in_parts else content})
        prefilled = conversation.prefill is not None
        rendered = self.render_text(messages, answer_follows=not prefilled)
        if prefilled:
            rendered = _cut_after(rendered, f"{key}x{len(texts) - 1}x")
        if any(f"{key}x{index}x" not in rendered for index in range(len(texts))):
            raise PromptRejected("the model's chat template leaves a part of this conversation out")
        return join(_unmasked(rendered, key, texts))


def compiled(source: str) -> Template:
    """A template in the dialect that Hugging Face's libraries speak; ModelRefused if it doesn't parse."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = _now
    try:
        return environment.from_string(source)
    except TemplateError as error:
        raise ModelRefused(f"the model's chat template can't be read: {error}") from error


class _Generation(Extension):
    """`{% generation %}` marks what training learns from; to a prompt it means nothing."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _ever_plainer(conversation: Conversation) -> Iterator[Conversation]:
    """Many templates refuse or drop system prompts, later ones above all; the user's words can still say them."""
    merged = conversation.merged()
    yield merged
    yield merged.without_system_turns()
    yield merged.without_system()


def _messages(conversation: Conversation) -> Iterator[tuple[str, str]]:
    if conversation.system:
        yield "system", conversation.system
    turns, prefill = split_prefill(conversation)
    yield from ((turn.role, turn.text) for turn in turns)
    if prefill:
        yield "assistant", prefill


def _masked(text: str, key: str, texts: list[str]) -> str:
    """The text's place-holder, with the white space around it left for the template to strip or keep."""
    core = text.strip()
    if not core:
        return text
    texts.append(core)
    start = text.index(core)
    return f"{text[:start]}{key}x{len(texts) - 1}x{text[start + len(core) :]}"


def _unmasked(rendered: str, key: str, texts: list[str]) -> Iterator[Segment]:
    for index, piece in enumerate(re.split(rf"{key}x(\d+)x", rendered)):
        yield texts[int(piece)] if index % 2 else Markup(piece)


def _cut_after(rendered: str, place: str) -> str:
    before, found, _ = rendered.rpartition(place)
    if not found:
        raise PromptRejected("this model's chat template can't go on from a given start of the answer")
    return before + found


def _to_json(value: Any, indent: int | None = None, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=options.pop("ensure_ascii", False), indent=indent, **options)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)
