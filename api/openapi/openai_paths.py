"""Paths that speak OpenAI's format."""

from api.openapi.anthropic_paths import DEADLINE, IDEMPOTENCY
from api.openapi.operations import Operation, answer, chunk, errors, operation
from api.openapi.words import ref

_TAG = "OpenAI"
_ERRORS = errors(404, 409, 413, 415, 503, 504, schema="OpenAIError")

PATHS: dict[str, dict[str, Operation]] = {
    "/v1/chat/completions": {
        "post": operation(
            "createChatCompletion",
            _TAG,
            "A message in OpenAI's format",
            {"200": answer("The answer, or its chunks", json=ref("ChatCompletion"), events=chunk(ref("ChatChunk")))}
            | _ERRORS,
            body="ChatRequest",
            parameters=(IDEMPOTENCY, DEADLINE),
        )
    },
    "/v1/completions": {
        "post": operation(
            "createCompletion",
            _TAG,
            "The model goes on from a prompt as it stands",
            {"200": answer("The answer, or its chunks", json=ref("Completion"), events=chunk(ref("CompletionChunk")))}
            | _ERRORS,
            body="CompletionRequest",
            parameters=(IDEMPOTENCY, DEADLINE),
        )
    },
}
