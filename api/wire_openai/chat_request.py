"""The body of `POST /v1/chat/completions` to the request that Messages would make of it."""

from dataclasses import dataclass, replace
from typing import Any

from api.wire import fields
from api.wire.output_config import OutputConfig
from api.wire.request import MAX_MODEL_NAME, MessagesRequest
from api.wire.sampling import left_open
from api.wire.wish import AnswerWish
from api.wire_openai.history import read_history
from api.wire_openai.response_format import read_schema
from api.wire_openai.sampling import UNBOUNDED, read_sampling
from api.wire_openai.tools import read_toolbox
from api.wire_openai.unsupported import refuse
from models.conversation import JOINT, Conversation, Turn
from queue_config.errors import InvalidRequest

_BUDGETS = {"none": None, "minimal": None, "low": 1_024, "medium": 8_192, "high": 0, "xhigh": 0, "max": 0}
"""Tokens of thinking that an effort may take, 0 for no bound, as in Messages; None is an answer without thinking."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    message: MessagesRequest
    include_usage: bool
    """The stream's last chunk states what the answer cost."""


def parse_chat(body: Any) -> ChatRequest:
    """Read the body; InvalidRequest names the field that is wrong."""
    given = given_fields(body)
    refuse(given)
    toolbox = read_toolbox(given)
    budget = _thinking_budget(given)
    output = OutputConfig(read_schema(given))
    conversation = _conversation(read_history(given), output.instruction)
    # Where an answer is begun already, or a call is forced, there is no place for thinking.
    thinks = budget is not None and not toolbox.is_forced and conversation.turns[-1].role != "assistant"
    message = MessagesRequest(
        model=model_name(given),
        conversation=replace(conversation, tools=toolbox.tools, thinking=thinks).merged(),
        sampling=read_sampling(given, _max_tokens(given)),
        stream=fields.boolean(given, "stream", default=False),
        wish=AnswerWish(
            tool_choice=toolbox.choice,
            tool_name=toolbox.name,
            parallel=fields.boolean(given, "parallel_tool_calls", default=True),
            removed_tools=toolbox.removed,
            schema=output.schema,
            schema_field="response_format.json_schema.schema",
            thinking_budget=budget or 0,
        ),
        left_open=left_open(given),
    )
    return ChatRequest(message, include_usage(given))


def given_fields(body: Any) -> dict[str, Any]:
    """The fields that say something: null is how clients write that they leave one out."""
    if not isinstance(body, dict):
        raise InvalidRequest("The request body should be a JSON object")
    return {name: value for name, value in body.items() if value is not None}


def model_name(given: dict[str, Any]) -> str:
    name = fields.string(given, "model")
    if not 0 < len(name) <= MAX_MODEL_NAME:
        raise InvalidRequest(f"model: String should have between 1 and {MAX_MODEL_NAME} characters")
    return name


def include_usage(given: dict[str, Any]) -> bool:
    options = fields.mapping(given.get("stream_options", {}), "stream_options")
    return fields.boolean(options, "include_usage", default=False)


def _max_tokens(given: dict[str, Any]) -> int:
    """Both names are in use; the newer one counts where a client sends both."""
    older = fields.integer(given, "max_tokens", minimum=1, default=UNBOUNDED)
    return fields.integer(given, "max_completion_tokens", minimum=1, default=older)


def _thinking_budget(given: dict[str, Any]) -> int | None:
    if "reasoning_effort" not in given:
        return None
    return _BUDGETS[fields.one_of(given, "reasoning_effort", tuple(_BUDGETS))]


def _conversation(turns: tuple[Turn, ...], instruction: str) -> Conversation:
    """System messages that lead are the system prompt, which the instruction ends, unless they are all there is."""
    leading = 0
    while leading < len(turns) and turns[leading].role == "system":
        leading += 1
    if leading == len(turns):
        leading = 0
    texts = [*(turn.text for turn in turns[:leading]), instruction]
    return Conversation(JOINT.join(text for text in texts if text), turns[leading:])
