"""Paths that speak Anthropic's format: messages, their batches, models."""

from typing import Any

from api.openapi.operations import Operation, answer, errors, event, operation, parameter
from api.openapi.words import ref

VERSION = parameter(
    "header",
    "anthropic-version",
    {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "A date; from 2026-10-21 on, temperature, top_p and top_k are no fields of a request. Default 2023-06-01.",
)
DEADLINE = parameter(
    "header",
    "x-pensieve-deadline-s",
    {"type": "number", "minimum": 1, "maximum": 3600},
    "Seconds from acceptance to the end of the answer.",
)
IDEMPOTENCY = parameter(
    "header",
    "idempotency-key",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "The same request sent again with the same key attaches to what the first one started.",
)
LIMIT = parameter("query", "limit", {"type": "integer", "minimum": 1, "maximum": 1000}, "Objects on a page.")
AFTER = parameter("query", "after_id", {"type": "string"}, "The page behind this object (older).")
BEFORE = parameter("query", "before_id", {"type": "string"}, "The page before this object (newer).")
_BATCH_ID = parameter("path", "batch_id", {"type": "string", "minLength": 1}, "`msgbatch_...`")
_NAME = parameter("path", "name", {"type": "string", "minLength": 1}, "A model's name.")
_TAG, _BATCHES, _MODELS = "Messages", "Batches", "Models"


def _batch(name: str, summary: str, responses: dict[str, Any]) -> Operation:
    return operation(name, _BATCHES, summary, responses | errors(404, 529), parameters=(_BATCH_ID,))


PATHS: dict[str, dict[str, Operation]] = {
    "/v1/messages": {
        "post": operation(
            "createMessage",
            _TAG,
            "An answer, whole or streamed",
            {"200": answer("The message, or its events", json=ref("Message"), events=event(ref("MessageStreamEvent")))}
            | errors(404, 409, 413, 415, 504, 529),
            body="MessagesRequest",
            parameters=(VERSION, IDEMPOTENCY, DEADLINE),
        )
    },
    "/v1/messages/count_tokens": {
        "post": operation(
            "countTokens",
            _TAG,
            "The size of a prompt",
            {"200": answer("The count", json=ref("TokenCount"))} | errors(404, 413, 415, 529),
            body="CountTokensRequest",
            parameters=(VERSION,),
        )
    },
    "/v1/messages/batches": {
        "post": operation(
            "createBatch",
            _BATCHES,
            "Many messages, answered when nothing is more urgent",
            {"200": answer("The batch", json=ref("Batch"))} | errors(409, 413, 415, 529),
            body="BatchRequest",
            parameters=(VERSION, IDEMPOTENCY),
        ),
        "get": operation(
            "listBatches",
            _BATCHES,
            "All batches, newest first",
            {"200": answer("A page of them", json=ref("BatchPage"))} | errors(529),
            parameters=(LIMIT, AFTER, BEFORE),
        ),
    },
    "/v1/messages/batches/{batch_id}": {
        "get": _batch("getBatch", "How far it is", {"200": answer("The batch", json=ref("Batch"))}),
        "delete": _batch(
            "deleteBatch", "Forget an ended batch", {"200": answer("It is gone", json=ref("DeletedBatch"))}
        ),
    },
    "/v1/messages/batches/{batch_id}/cancel": {
        "post": _batch("cancelBatch", "End what has no answer yet", {"200": answer("The batch", json=ref("Batch"))}),
    },
    "/v1/messages/batches/{batch_id}/results": {
        "get": _batch(
            "getBatchResults", "The answers of an ended batch", {"200": answer("A line each", jsonl=ref("BatchResult"))}
        ),
    },
    "/v1/models": {
        "get": operation(
            "listModels",
            _MODELS,
            "The models that are served, the default first",
            {"200": answer("A list of one", json=ref("ModelPage"))} | errors(),
            parameters=(LIMIT, AFTER, BEFORE),
        )
    },
    "/v1/models/{name}": {
        "get": operation(
            "getModel",
            _MODELS,
            "One of them; any name that begins with `claude` is the default",
            {"200": answer("The model", json=ref("Model"))} | errors(404, 529),
            parameters=(_NAME,),
        )
    },
}
