"""A model without a model: code points are its tokens, and its chat format can be read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from api.tokenizing import Prompts
from models.conversation import Conversation
from models.errors import PromptRejected
from models.prompt import Markup, Segment, as_text
from models.resolve import ModelSpec
from queue_config.settings import Settings

MODEL = "readable-1b"
CONTEXT_TOKENS = 2_000
NOBODY = "redis://127.0.0.1:1"
"""No Redis answers here."""


class CodePoints:
    """One token a character."""

    def encode(self, segments: Sequence[Segment]) -> list[int]:
        return [ord(char) for char in as_text(list(segments))]


class Readable:
    """`<user>text<assistant>`; can't say NUL, as a real family can't say some things."""

    name = "readable"

    def render(self, conversation: Conversation) -> list[Segment]:
        segments: list[Segment] = []
        if conversation.system:
            segments += [Markup("<system>"), conversation.system]
        for turn in conversation.turns:
            if "\0" in turn.text:
                raise PromptRejected("this model has no word for NUL")
            segments += [Markup(f"<{turn.role}>"), turn.text]
        return [*segments, Markup("<assistant>")]


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
    return Services.over(chosen, spec, Prompts(Readable(), CodePoints(), CONTEXT_TOKENS))


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
