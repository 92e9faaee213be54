"""Jobs, message batches and webhooks, as they are asked for and shown."""

from api.openapi.message_answers import ERROR_KINDS
from api.openapi.message_requests import MESSAGES_FIELDS, OPTIONAL_FIELDS
from api.openapi.words import (
    ANY_OBJECT,
    BOOLEAN,
    COUNT,
    NULL,
    STRING,
    TEXT,
    TIME,
    Schema,
    array,
    const,
    enum,
    nullable,
    obj,
    one,
    ref,
)

JOB_STATUSES = ("queued", "running", "succeeded", "errored", "canceled", "expired")

_WEBHOOK = nullable(obj({"url": {"type": "string", "format": "uri"}}))

_JOB: dict[str, Schema] = {
    "id": {"type": "string", "pattern": "^msg_"},
    "type": const("job"),
    "status": enum(*JOB_STATUSES),
    "model": TEXT,
    "created_at": TIME,
    "expires_at": TIME,
    "error": nullable(obj({"type": enum(*ERROR_KINDS), "message": STRING})),
}


def _page(item: str) -> Schema:
    return obj(
        {"data": array(ref(item)), "has_more": BOOLEAN, "first_id": nullable(STRING), "last_id": nullable(STRING)}
    )


_BATCH = obj(
    {
        "id": {"type": "string", "pattern": "^msgbatch_"},
        "type": const("message_batch"),
        "processing_status": enum("in_progress", "canceling", "ended"),
        "request_counts": obj(dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), COUNT)),
        "created_at": TIME,
        "expires_at": TIME,
        "ended_at": nullable(TIME),
        "cancel_initiated_at": nullable(TIME),
        "archived_at": NULL,
        "results_url": nullable(STRING),
    }
)

_RESULT = obj(
    {
        "custom_id": TEXT,
        "result": one(
            obj({"type": const("succeeded"), "message": ref("Message")}),
            obj({"type": const("errored"), "error": ref("Error")}),
            obj({"type": enum("canceled", "expired")}),
        ),
    },
    description="One line of the results.",
)

SCHEMAS: dict[str, Schema] = {
    "JobRequest": obj(MESSAGES_FIELDS, {**OPTIONAL_FIELDS, "webhook": _WEBHOOK}),
    "Job": obj(
        {
            **_JOB,
            "position": nullable(COUNT),
            "progress": obj({"output_tokens": COUNT}),
            "result": nullable(ref("Message")),
        }
    ),
    "JobSummary": obj(_JOB),
    "JobPage": _page("JobSummary"),
    "BatchRequest": obj(
        {
            "requests": array(
                obj({"custom_id": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}, "params": ANY_OBJECT}),
                minItems=1,
                maxItems=10_000,
            )
        },
        {"webhook": _WEBHOOK},
        description="`params` are Messages bodies; what is wrong in one errs that request and no other.",
    ),
    "Batch": _BATCH,
    "BatchPage": _page("Batch"),
    "BatchResult": _RESULT,
    "DeletedBatch": obj({"id": TEXT, "type": const("message_batch_deleted")}),
}
