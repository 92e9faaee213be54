"""What /v1/messages answers, whole or as the events of a stream, and what every route answers to a mistake."""

from api.openapi.words import (
    ANY_OBJECT,
    COUNT,
    NULL,
    STRING,
    TEXT,
    Schema,
    array,
    const,
    enum,
    nullable,
    obj,
    one,
    ref,
)

STOP_REASONS = ("end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded")
ERROR_KINDS = (
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "conflict_error",
    "request_too_large",
    "api_error",
    "timeout_error",
    "overloaded_error",
)

_USAGE = obj(
    {
        "input_tokens": COUNT,
        "cache_creation_input_tokens": COUNT,
        "cache_read_input_tokens": COUNT,
        "cache_creation": obj({"ephemeral_5m_input_tokens": COUNT, "ephemeral_1h_input_tokens": COUNT}),
        "output_tokens": COUNT,
        "output_tokens_details": obj({"thinking_tokens": COUNT}),
        "server_tool_use": NULL,
        "service_tier": const("standard"),
        "inference_geo": NULL,
        "speed": const("standard"),
    },
    description="The three input counts are disjoint and add up to the prompt's length.",
)

_BLOCK = one(
    obj({"type": const("text"), "text": STRING}),
    obj({"type": const("thinking"), "thinking": STRING, "signature": STRING}),
    obj({"type": const("tool_use"), "id": TEXT, "name": TEXT, "input": ANY_OBJECT}),
)

_END: dict[str, Schema] = {
    "stop_reason": nullable(enum(*STOP_REASONS)),
    "stop_sequence": nullable(STRING),
    "stop_details": NULL,
}

_MESSAGE = obj(
    {
        "id": {"type": "string", "pattern": "^msg_"},
        "type": const("message"),
        "role": const("assistant"),
        "model": TEXT,
        "content": array(ref("ContentBlock")),
        **_END,
        "usage": ref("Usage"),
    },
    {"context_management": ANY_OBJECT, "safeguard_results": array(ANY_OBJECT)},
)

_ERROR = obj(
    {
        "type": const("error"),
        "error": obj({"type": enum(*ERROR_KINDS), "message": STRING}, {"details": ANY_OBJECT}),
        "request_id": {"type": "string", "pattern": "^req_"},
    }
)

_DELTA = one(
    obj({"type": const("text_delta"), "text": STRING}),
    obj({"type": const("thinking_delta"), "thinking": STRING}),
    obj({"type": const("signature_delta"), "signature": STRING}),
    obj({"type": const("input_json_delta"), "partial_json": STRING}),
)

_EVENT = one(
    obj({"type": const("message_start"), "message": ref("Message")}),
    obj({"type": const("ping")}),
    obj({"type": const("content_block_start"), "index": COUNT, "content_block": ref("ContentBlock")}),
    obj({"type": const("content_block_delta"), "index": COUNT, "delta": _DELTA}),
    obj({"type": const("content_block_stop"), "index": COUNT}),
    obj({"type": const("message_delta"), "delta": obj(_END), "usage": ref("Usage")}),
    obj({"type": const("message_stop")}),
    ref("Error"),
)

SCHEMAS: dict[str, Schema] = {
    "Usage": _USAGE,
    "ContentBlock": _BLOCK,
    "Message": _MESSAGE,
    "MessageStreamEvent": _EVENT,
    "Error": _ERROR,
}
