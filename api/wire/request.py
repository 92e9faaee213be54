"""Request JSON to what will be generated, or InvalidRequest naming the field in the API's own wording."""

import re
from dataclasses import dataclass
from typing import Any, cast

from api.wire import content, fields
from api.wire.unsupported import refuse
from models.conversation import Conversation, Role, Turn
from queue_config.errors import InvalidRequest
from queue_config.request import SamplingParams

DEFAULT_VERSION = "2023-06-01"
_WITHOUT_SAMPLING = "2026-10-21"
"""From this API version on, temperature, top_p and top_k are no fields of a request."""

MAX_MESSAGES = 100_000
MAX_STOPS = 64
MAX_STOP_BYTES = 256
MAX_MODEL_NAME = 256
MIN_THINKING_TOKENS = 1024
_BILLING = "x-anthropic-billing-header:"
_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MAX_TOP_K = 1_000_000
"""More than any vocabulary has: beyond it top_k changes nothing."""


@dataclass(frozen=True, slots=True)
class CountRequest:
    model: str
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    model: str
    conversation: Conversation
    sampling: SamplingParams
    """As asked for; `seed` and the clamp to the context are not the wire's business."""
    stream: bool


def check_version(header: str | None) -> str:
    """The API version that a request speaks; versions are dates, and newer ones than we know read like the newest."""
    if header is None:
        return DEFAULT_VERSION
    if not _VERSION.fullmatch(header):
        raise InvalidRequest("anthropic-version: must be a date such as 2023-06-01")
    return header


def parse_messages(body: Any, version: str = DEFAULT_VERSION) -> MessagesRequest:
    """Read the body of `POST /v1/messages`."""
    count = parse_count(body, version)
    sampling = _sampling(body, version)
    _check_thinking(body.get("thinking"), sampling.max_tokens)
    return MessagesRequest(count.model, count.conversation, sampling, fields.boolean(body, "stream", default=False))


def parse_count(body: Any, version: str = DEFAULT_VERSION) -> CountRequest:
    """Read the body of `POST /v1/messages/count_tokens`, which is the same without an answer's fields."""
    if not isinstance(body, dict):
        raise InvalidRequest("The request body should be a JSON object")
    model = fields.string(body, "model")
    if not 0 < len(model) <= MAX_MODEL_NAME:
        raise InvalidRequest(f"model: String should have between 1 and {MAX_MODEL_NAME} characters")
    refuse(body)
    conversation = Conversation(_system(body.get("system")), _turns(body, version))
    return CountRequest(model, conversation.merged())


def _system(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise InvalidRequest("system: Input should be a valid string or a valid array")
    texts = [
        content.text_of(fields.mapping(block, f"system.{index}"), f"system.{index}")
        for index, block in enumerate(value)
    ]
    # Claude Code's first block differs with every conversation and means nothing to a model.
    return "\n\n".join(text for text in texts if text and not text.startswith(_BILLING))


def _turns(body: dict[str, Any], version: str) -> tuple[Turn, ...]:
    messages = fields.array(body, "messages")
    if len(messages) > MAX_MESSAGES:
        raise InvalidRequest(f"messages: at most {MAX_MESSAGES} messages are allowed")
    turns = tuple(turn for index, message in enumerate(messages) if (turn := _turn(message, index, version)).parts)
    if not turns:
        raise InvalidRequest("messages: at least one message is required")
    return turns


def _turn(message: Any, index: int, version: str) -> Turn:
    path = f"messages.{index}"
    obj = fields.mapping(message, path)
    role = cast(Role, fields.one_of(obj, "role", ("user", "assistant", "system"), f"{path}."))
    blocks = fields.present(obj, "content", f"{path}.")
    if version >= _WITHOUT_SAMPLING and isinstance(blocks, list):
        _check_blocks(role, blocks, path)
    parts = content.read(blocks, f"{path}.content", role=role)
    if not parts and role == "user":
        raise InvalidRequest(f"{path}: user messages must have non-empty content")
    return Turn(role, parts)


def _check_blocks(role: str, blocks: list[Any], path: str) -> None:
    for index, block in enumerate(blocks):
        if not isinstance(block, dict):
            continue
        if role == "assistant" and block.get("type") == "document":
            raise InvalidRequest(f"{path}.content.{index}: documents are not allowed in assistant messages")
        if role == "user" and block.get("type") == "text" and block.get("citations"):
            raise InvalidRequest(f"{path}.content.{index}.citations: not allowed in user messages")


def _sampling(body: dict[str, Any], version: str) -> SamplingParams:
    max_tokens = fields.integer(body, "max_tokens", minimum=0)
    if version >= _WITHOUT_SAMPLING:
        for name in ("temperature", "top_p", "top_k"):
            if body.get(name) is not None:
                raise InvalidRequest(f"{name}: Extra inputs are not permitted")
    # Clients write null for what they leave out.
    given = {name: value for name, value in body.items() if value is not None}
    return SamplingParams(
        max_tokens=max_tokens,
        temperature=fields.fraction(given, "temperature", default=1.0),
        top_p=fields.fraction(given, "top_p", default=1.0),
        top_k=min(fields.integer(given, "top_k", minimum=0, default=0), MAX_TOP_K),
        stop=_stops(given),
    )


def _stops(given: dict[str, Any]) -> tuple[str, ...]:
    if "stop_sequences" not in given:
        return ()
    stops = fields.array(given, "stop_sequences")
    if len(stops) > MAX_STOPS:
        raise InvalidRequest(f"stop_sequences: at most {MAX_STOPS} are allowed")
    for index, stop in enumerate(stops):
        if not isinstance(stop, str):
            raise InvalidRequest(f"stop_sequences.{index}: Input should be a valid string")
        if not stop.strip():
            raise InvalidRequest(f"stop_sequences.{index}: each stop sequence must contain non-whitespace")
        if len(stop.encode()) > MAX_STOP_BYTES:
            raise InvalidRequest(f"stop_sequences.{index}: at most {MAX_STOP_BYTES} bytes are allowed")
    return tuple(dict.fromkeys(stops))


def _check_thinking(value: Any, max_tokens: int) -> None:
    if value is None:
        return
    thinking = fields.mapping(value, "thinking")
    kind = fields.one_of(thinking, "type", ("enabled", "adaptive", "disabled", "between_tools"), "thinking.")
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int) or isinstance(budget, bool):
            raise InvalidRequest("thinking.enabled.budget_tokens: Input should be a valid integer")
        if budget < MIN_THINKING_TOKENS:
            raise InvalidRequest(
                f"thinking.enabled.budget_tokens: Input should be greater than or equal to {MIN_THINKING_TOKENS}"
            )
        if budget >= max_tokens:
            raise InvalidRequest("`max_tokens` must be greater than `thinking.budget_tokens`")
