"""Request JSON to what will be generated, or InvalidRequest naming the field in the API's own wording."""

from dataclasses import dataclass, field
from typing import Any

from api.wire import fields
from api.wire.content import ContentReader
from api.wire.history import read_history
from api.wire.output_config import read_output_config
from api.wire.sampling import left_open, read_sampling
from api.wire.seal import UNSIGNED, Seal
from api.wire.thinking import ThinkingWish, read_thinking
from api.wire.tool_references import ToolReferences
from api.wire.tools import Choice, read_choice, read_tools
from api.wire.unsupported import refuse
from api.wire.version import DEFAULT_VERSION
from api.wire.wish import AnswerWish
from models.conversation import JOINT, Conversation
from queue_config.errors import InvalidRequest
from queue_config.request import SamplingParams

MAX_MODEL_NAME = 256


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
    wish: AnswerWish = field(default_factory=AnswerWish)
    left_open: frozenset[str] = frozenset()
    """Of `sampling`, the fields that the caller leaves to the model."""


def parse_messages(body: Any, version: str = DEFAULT_VERSION, seal: Seal = UNSIGNED) -> MessagesRequest:
    """Read the body of `POST /v1/messages`; `seal` gives back thinking that its signature carries."""
    checked = _checked(body)
    sampling = read_sampling(checked, version)
    conversation, wish = _read(checked, version, seal, sampling.max_tokens)
    stream = fields.boolean(checked, "stream", default=False)
    return MessagesRequest(checked["model"], conversation, sampling, stream, wish, left_open(checked))


def parse_count(body: Any, version: str = DEFAULT_VERSION, seal: Seal = UNSIGNED) -> CountRequest:
    """Read the body of `POST /v1/messages/count_tokens`, which is the same without an answer's fields."""
    checked = _checked(body)
    conversation, _ = _read(checked, version, seal, None)
    return CountRequest(checked["model"], conversation)


def _checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise InvalidRequest("The request body should be a JSON object")
    model = fields.string(body, "model")
    if not 0 < len(model) <= MAX_MODEL_NAME:
        raise InvalidRequest(f"model: String should have between 1 and {MAX_MODEL_NAME} characters")
    refuse(body)
    return body


def _read(body: dict[str, Any], version: str, seal: Seal, max_tokens: int | None) -> tuple[Conversation, AnswerWish]:
    toolbox = read_tools(body.get("tools"))
    references = ToolReferences(toolbox)
    history = read_history(body, version, ContentReader(references, seal))
    output = read_output_config(body)
    choice = read_choice(body.get("tool_choice"), toolbox)
    thinking = read_thinking(body.get("thinking"), output.effort, max_tokens)
    _check_together(choice, thinking)
    conversation = Conversation(
        JOINT.join(text for text in (history.system, output.instruction) if text),
        history.turns,
        toolbox.listed,
        # Where an answer is begun already, or a call is forced, there is no place for what is only allowed.
        thinking=thinking.asked and not choice.is_forced and history.turns[-1].role != "assistant",
    )
    wish = AnswerWish(
        tool_choice=choice.kind,
        tool_name=choice.name,
        parallel=choice.parallel,
        loaded_tools=references.loaded,
        removed_tools=references.removed,
        schema=output.schema,
        thinking_budget=thinking.budget,
        thinking_display=thinking.display,
        applied_edits=isinstance(body.get("context_management"), dict),
        safeguards=_asks_for_safeguards(body.get("safeguards")),
    )
    return conversation.merged(), wish


def _check_together(choice: Choice, thinking: ThinkingWish) -> None:
    if thinking.insists and choice.is_forced:
        raise InvalidRequest("Thinking may not be enabled when tool_choice forces tool use.")


def _asks_for_safeguards(value: Any) -> bool:
    return isinstance(value, list) and any(
        isinstance(item, dict) and item.get("type") == "dangerous_tool_use" for item in value
    )
