"""What OpenAI's clients send, and what they are answered."""

from api.openapi.words import (
    ANY_OBJECT,
    BOOLEAN,
    COUNT,
    INTEGER,
    NULL,
    STRING,
    TEXT,
    Schema,
    array,
    const,
    enum,
    integer,
    nullable,
    number,
    obj,
    one,
    optional,
    ref,
    said,
)

_CONTENT = one(STRING, array(obj({"type": const("text"), "text": STRING})))
_FUNCTION_NAME = {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,128}$"}

_CALL = obj(
    {"id": TEXT, "type": const("function"), "function": obj({"name": TEXT, "arguments": STRING})},
    description="`arguments` is JSON as a string.",
)

_MESSAGE = one(
    obj({"role": enum("system", "developer", "user"), "content": _CONTENT}),
    obj({"role": const("assistant"), "content": _CONTENT}, optional({"reasoning_content": STRING})),
    obj(
        {"role": const("assistant"), "tool_calls": array(ref("ToolCall"), minItems=1)}, {"content": nullable(_CONTENT)}
    ),
    obj({"role": const("tool"), "tool_call_id": TEXT, "content": _CONTENT}),
)

_TOOL = obj(
    {
        "type": const("function"),
        "function": obj(
            {"name": _FUNCTION_NAME},
            {"description": STRING, "parameters": obj({"type": const("object")}), "strict": nullable(BOOLEAN)},
        ),
    }
)

_NAMED = obj({"type": const("function"), "function": obj({"name": _FUNCTION_NAME})})

_TOOL_CHOICE = one(
    enum("none", "auto", "required"),
    _NAMED,
    obj(
        {
            "type": const("allowed_tools"),
            "allowed_tools": obj({"mode": enum("auto", "required"), "tools": array(_NAMED)}),
        }
    ),
)

_FORMAT = one(
    obj({"type": enum("text", "json_object")}),
    obj({"type": const("json_schema"), "json_schema": obj({"schema": ANY_OBJECT}, {"name": STRING})}),
)

_COMMON = optional(
    {
        "stream": BOOLEAN,
        "stream_options": obj({}, optional({"include_usage": BOOLEAN})),
        "temperature": said("Without it as the model's makers want it, else 1.", number(0, 2)),
        "top_p": said("Without it as the model's makers want it, else 1.", number(0, 1)),
        "top_k": said("Not OpenAI's; -1 and 0 are off. Without it as the model's makers want it.", integer(-1)),
        "min_p": said("Not OpenAI's. Without it as the model's makers want it, else 0.", number(0, 1)),
        "repetition_penalty": said("Not OpenAI's.", {"type": "number", "exclusiveMinimum": 0, "maximum": 10}),
        "presence_penalty": number(-2, 2, default=0),
        "frequency_penalty": number(-2, 2, default=0),
        "logit_bias": {
            "type": "object",
            "propertyNames": {"pattern": "^[0-9]{1,10}$"},
            "additionalProperties": number(-100, 100),
        },
        "stop": one(TEXT, array(TEXT, maxItems=64)),
        "seed": INTEGER,
        "n": {"type": "integer", "const": 1},
        "user": STRING,
    }
)
_MODEL: dict[str, Schema] = {"model": {"type": "string", "minLength": 1, "maxLength": 256}}

_USAGE = obj(
    {
        "prompt_tokens": COUNT,
        "completion_tokens": COUNT,
        "total_tokens": COUNT,
        "prompt_tokens_details": obj({"cached_tokens": COUNT, "cache_write_tokens": COUNT}),
        "completion_tokens_details": obj({"reasoning_tokens": COUNT}),
    }
)


def _answer(kind: str, prefix: str, choice: Schema) -> dict[str, Schema]:
    return {
        "id": {"type": "string", "pattern": f"^{prefix}-"},
        "object": const(kind),
        "created": COUNT,
        "model": TEXT,
        "system_fingerprint": NULL,
        "choices": array(choice, maxItems=1),
    }


def _choice(**fields: Schema) -> Schema:
    return obj({"index": {"type": "integer", "const": 0}, "logprobs": NULL, **fields})


_CHAT_REASON = enum("stop", "length", "tool_calls")
_TEXT_REASON = enum("stop", "length")
_ANSWER = obj(
    {"role": const("assistant"), "content": nullable(STRING), "refusal": NULL},
    {"reasoning_content": STRING, "tool_calls": array(ref("ToolCall"), minItems=1)},
)

SCHEMAS: dict[str, Schema] = {
    "ToolCall": _CALL,
    "ChatMessage": _MESSAGE,
    "ChatRequest": obj(
        {**_MODEL, "messages": array(ref("ChatMessage"), minItems=1)},
        {
            **_COMMON,
            **optional(
                {
                    "max_completion_tokens": integer(1),
                    "max_tokens": said("The older name.", integer(1)),
                    "tools": array(_TOOL),
                    "tool_choice": _TOOL_CHOICE,
                    "parallel_tool_calls": BOOLEAN,
                    "response_format": _FORMAT,
                    "reasoning_effort": enum("none", "minimal", "low", "medium", "high", "xhigh", "max"),
                }
            ),
        },
    ),
    "ChatCompletion": obj(
        {
            **_answer("chat.completion", "chatcmpl", _choice(message=_ANSWER, finish_reason=_CHAT_REASON)),
            "usage": ref("CompletionUsage"),
        }
    ),
    "ChatChunk": one(
        obj(
            _answer(
                "chat.completion.chunk", "chatcmpl", _choice(delta=ANY_OBJECT, finish_reason=nullable(_CHAT_REASON))
            ),
            optional({"usage": ref("CompletionUsage")}),
        ),
        ref("OpenAIError"),
    ),
    "CompletionRequest": obj(
        {**_MODEL, "prompt": one(TEXT, array(COUNT, minItems=1), array(TEXT, minItems=1, maxItems=1))},
        {**_COMMON, **optional({"max_tokens": integer(0, default=16)})},
    ),
    "Completion": obj(
        {
            **_answer("text_completion", "cmpl", _choice(text=STRING, finish_reason=_TEXT_REASON)),
            "usage": ref("CompletionUsage"),
        }
    ),
    "CompletionChunk": one(
        obj(
            _answer("text_completion", "cmpl", _choice(text=STRING, finish_reason=nullable(_TEXT_REASON))),
            optional({"usage": ref("CompletionUsage")}),
        ),
        ref("OpenAIError"),
    ),
    "CompletionUsage": _USAGE,
    "OpenAIError": obj(
        {
            "error": obj(
                {
                    "message": STRING,
                    "type": enum("invalid_request_error", "server_error"),
                    "param": nullable(STRING),
                    "code": nullable(STRING),
                }
            )
        }
    ),
}
