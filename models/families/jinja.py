"""Chat templates compiled in a sandbox, in the dialect of Jinja that Hugging Face's libraries speak."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import Template, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser

from models.errors import ModelRefused
from models.families.bounded_jinja import BoundedEnvironment
from models.families.masks import in_json


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    environment: BoundedEnvironment
    template: Template

    def render(self, **given: Any) -> str:
        """Raises TemplateTooLong, or whatever else a stranger's program may."""
        return self.environment.write(self.template, **given)


def compiled(source: str) -> ChatTemplate:
    """ModelRefused if it doesn't parse."""
    environment = BoundedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation])
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = _now
    try:
        return ChatTemplate(environment, environment.from_string(source))
    except TemplateError as error:
        raise ModelRefused(f"the model's chat template can't be read: {error}") from error


class _Generation(Extension):
    """`{% generation %}` marks what training learns from; to a prompt it means nothing."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _to_json(value: Any, indent: int | None = None, **options: Any) -> str:
    return json.dumps(in_json(value), ensure_ascii=options.pop("ensure_ascii", False), indent=indent, **options)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)
