"""A model without a model: code points are its tokens, and its chat format can be read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from api.tokenizing import Prompts
from api.wire.seal import Seal
from models.conversation import Conversation, Part, Text, Thinking, ToolResult, ToolUse
from models.errors import PromptRejected
from models.prompt import Markup, Segment, as_text
from models.resolve import ModelSpec
from models.syntax import AnswerSyntax, ThinkSyntax
from queue_config.settings import Settings

MODEL = "readable-1b"
CONTEXT_TOKENS = 2_000
NOBODY = "redis://127.0.0.1:1"
"""No Redis answers here."""


class CodePoints:
    """One token a character."""

    vocab_size = 0x110000
    opening = ()
    special: Mapping[str, int] = {}

    def encode(self, segments: Sequence[Segment]) -> list[int]:
        return [ord(char) for char in as_text(list(segments))]


class Readable:
    """`<user>text<assistant>`; can't say NUL, as a real family can't say some things.

    Tools come first, as `<tool>name description schema`; calls are `<call>name arguments`, results `<result>text`, and
    thinking is `<thought>text`, asked for by `<think>`.
    """

    name = "readable"
    syntax = AnswerSyntax(think=ThinkSyntax(opened=True))

    def render(self, conversation: Conversation) -> list[Segment]:
        segments: list[Segment] = []
        for tool in conversation.tools:
            segments += [Markup("<tool>"), f"{tool.name} {tool.description} {json.dumps(tool.schema)}"]
        if conversation.system:
            segments += [Markup("<system>"), conversation.system]
        for turn in conversation.turns:
            if "\0" in turn.text:
                raise PromptRejected("this model has no word for NUL")
            segments.append(Markup(f"<{turn.role}>"))
            for part in turn.parts:
                segments += self._part(part)
        return [*segments, Markup("<assistant>" + "<think>" * conversation.thinking)]

    def _part(self, part: Part) -> list[Segment]:
        match part:
            case Text(text):
                return [text]
            case Thinking(text):
                return [Markup("<thought>"), text]
            case ToolUse(_, name, arguments):
                return [Markup("<call>"), f"{name} {arguments}"]
            case ToolResult():
                return [Markup("<error>" if part.is_error else "<result>"), part.text]


def settings(redis_url: str = NOBODY, **changes: Any) -> Settings:
    return Settings(model=MODEL, redis_url=redis_url, **changes)


def build_services(chosen: Settings) -> Services:
    spec = ModelSpec(
        name=MODEL,
        dir=Path(),
        context_tokens=CONTEXT_TOKENS,
        family="readable",
        weights_bytes=0,
        quantization=None,
    )
    return Services.over(chosen, spec, Prompts(Readable(), CodePoints(), CONTEXT_TOKENS), Seal(b"a test's key"))


@contextmanager
def application(redis_url: str = NOBODY, **changes: Any) -> Iterator[Flask]:
    """The application over a Redis, closed at the end."""
    services = build_services(settings(redis_url, **changes))
    yield create_app(services)
    services.close()


@contextmanager
def client(redis_url: str = NOBODY, **changes: Any) -> Iterator[FlaskClient]:
    """A test client of that application, which is its own origin."""
    with application(redis_url, **changes) as app:
        yield app.test_client()


def messages_body(text: str = "Hello there", **changes: Any) -> dict[str, Any]:
    """A valid Messages body."""
    return {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}]} | changes
