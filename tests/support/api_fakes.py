"""A model without a model: code points are its tokens, and its chat format can be read."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.served_models import Served, ServedModels
from api.services import Services
from api.tokenizing import Prompts
from api.wire.seal import Seal
from models.conversation import Conversation, Part, Text, Thinking, ToolResult, ToolUse
from models.errors import ModelNotFound, PromptRejected
from models.prompt import Markup, Segment, as_text
from models.resolve import ModelSpec
from models.syntax import AnswerSyntax, ThinkSyntax
from queue_config import keys
from queue_config.admission import Admission, Verdict
from queue_config.connection import Redis
from queue_config.fleet import Fleet, FleetView
from queue_config.room import Room
from queue_config.settings import Settings

MODEL = "readable-1b"
CONTEXT_TOKENS = 2_000
NOBODY = "redis://127.0.0.1:1"
"""No Redis answers here."""
NOWHERE = Path("/nonexistent/pensieve")


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


class OpenDoor(Admission):
    """Lets in whoever comes: without a Redis nobody would see what lies behind admission."""

    def __init__(self) -> None: ...

    def ask(self, *_: object, **__: object) -> Verdict:
        return Verdict("", 0, (0, 0, 0))


class OpenRoom(Room):
    """The same of Redis's memory."""

    def __init__(self) -> None: ...

    def check(self, size_bytes: int = 0) -> None: ...
    def check_promised(self, size_bytes: int) -> None: ...


class SeenModel(Fleet):
    """Without a Redis: a worker was there a moment ago."""

    def __init__(self) -> None: ...

    known = FleetView(silent_s={MODEL: 0.0})

    def look(self, most_s: float = 0.0) -> FleetView:  # noqa: ARG002
        return self.known


def settings(redis_url: str = NOBODY, **changes: Any) -> Settings:
    # Keys that were made in the checkout are none of the tests' business.
    chosen: dict[str, Any] = {"model": MODEL, "redis_url": redis_url, "home": NOWHERE}
    return Settings(**chosen | changes)


def build_services(chosen: Settings) -> Services:
    spec = ModelSpec(
        name=MODEL,
        dir=Path(),
        context_tokens=CONTEXT_TOKENS,
        family="readable",
        weights_bytes=0,
        quantization=None,
    )
    served = Served(MODEL, Prompts(Readable(), CodePoints(), CONTEXT_TOKENS))
    services = Services.over(chosen, spec, served, Seal(b"a test's key"))
    if chosen.redis_url != NOBODY:
        return services
    services.queue.room = OpenRoom()
    models = ServedModels(served, SeenModel(), _no_other, absence_s=chosen.absence_s)
    return replace(services, admission=OpenDoor(), models=models)


def _no_other(name: str) -> Served:
    raise ModelNotFound(f"there is no model {name} here")


def saw_worker(redis: Redis, model: str = MODEL) -> None:
    """As if a worker with this model had been there a moment ago: requests for it are accepted, and wait."""
    redis.zadd(keys.MODELS, {model: time.time()})


@contextmanager
def application(redis_url: str = NOBODY, **changes: Any) -> Iterator[Flask]:
    """The application over a Redis, closed at the end; a worker was there a moment ago."""
    services = build_services(settings(redis_url, **changes))
    if redis_url != NOBODY:
        saw_worker(services.redis)
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
