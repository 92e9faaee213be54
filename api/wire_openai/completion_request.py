"""The body of `POST /v1/completions`: a prompt as the model reads it, without a chat format around it."""

from dataclasses import dataclass
from typing import Any

from api.wire import fields
from api.wire.sampling import left_open
from api.wire_openai.chat_request import given_fields, include_usage, model_name
from api.wire_openai.sampling import read_sampling
from api.wire_openai.unsupported import refuse
from queue_config.errors import InvalidRequest
from queue_config.request import SamplingParams

MAX_PROMPT_TOKENS = 2_000_000
"""More than any model here reads; what this one can, is looked at where its context is known."""
DEFAULT_MAX_TOKENS = 16
"""OpenAI's own."""


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    model: str
    prompt: str | tuple[int, ...]
    """Text, or token ids, which may be control tokens."""
    sampling: SamplingParams
    stream: bool
    include_usage: bool
    left_open: frozenset[str] = frozenset()
    """As in MessagesRequest."""


def parse_completion(body: Any) -> CompletionRequest:
    """Read the body; InvalidRequest names the field that is wrong."""
    given = given_fields(body)
    refuse(given)
    max_tokens = fields.integer(given, "max_tokens", minimum=0, default=DEFAULT_MAX_TOKENS)
    return CompletionRequest(
        model=model_name(given),
        prompt=_prompt(fields.present(given, "prompt")),
        sampling=read_sampling(given, max_tokens),
        stream=fields.boolean(given, "stream", default=False),
        include_usage=include_usage(given),
        left_open=left_open(given),
    )


def _prompt(value: Any) -> str | tuple[int, ...]:
    if isinstance(value, list) and value and isinstance(value[0], str | list):
        # A list of prompts asks for as many answers.
        if len(value) > 1:
            raise InvalidRequest("prompt: only one prompt is supported; send a request for each")
        value = value[0]
    if not isinstance(value, str | list) or not value:
        raise InvalidRequest("prompt: Input should be a non-empty string or array of token ids")
    if isinstance(value, str):
        return value
    fields.check_length(value, "prompt", MAX_PROMPT_TOKENS, "tokens")
    if not all(isinstance(token, int) and not isinstance(token, bool) and token >= 0 for token in value):
        raise InvalidRequest("prompt: Input should be a non-empty string or array of token ids")
    return tuple(value)
