"""What is sent to /v1/messages."""

from api.openapi.words import (
    ANY_OBJECT,
    BOOLEAN,
    INTEGER,
    STRING,
    TEXT,
    Schema,
    array,
    const,
    enum,
    integer,
    number,
    obj,
    one,
    optional,
    ref,
    said,
)

_TEXT_BLOCK = obj({"type": const("text"), "text": TEXT}, {"cache_control": ANY_OBJECT})
_THINKING_BLOCK = obj({"type": const("thinking"), "thinking": STRING}, {"signature": STRING})
_TOOL_USE_BLOCK = obj({"type": const("tool_use"), "id": TEXT, "name": TEXT, "input": ANY_OBJECT})
_TOOL_RESULT_BLOCK = obj(
    {"type": const("tool_result"), "tool_use_id": TEXT},
    {"content": one(STRING, array(ref("TextBlock"))), "is_error": BOOLEAN},
)
_DOCUMENT_BLOCK = obj(
    {
        "type": const("document"),
        "source": one(
            obj({"type": const("text"), "data": STRING}),
            obj({"type": const("content"), "content": one(STRING, array(ref("TextBlock")))}),
        ),
    },
    {"title": STRING, "context": STRING},
)
_SEARCH_RESULT_BLOCK = obj(
    {"type": const("search_result"), "title": STRING, "source": STRING, "content": array(ref("TextBlock"))}
)

_READ = (ref("TextBlock"), ref("DocumentBlock"), ref("SearchResultBlock"))


def _said_by(role: str, *blocks: Schema) -> Schema:
    content = one(TEXT, array(one(*_READ, *blocks), minItems=1))
    return obj({"role": const(role), "content": content})


_MESSAGE = one(
    _said_by("user", ref("ToolResultBlock")),
    _said_by("assistant", ref("ThinkingBlock"), ref("ToolUseBlock")),
    _said_by("system"),
) | {"description": "Blocks of other providers' tools are shown to the model as text; images and PDFs are a 400."}

_TOOL = obj(
    {
        "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,128}$"},
        "input_schema": obj({"type": const("object")}, {"properties": ANY_OBJECT, "required": array(STRING)}),
    },
    {
        "type": const("custom"),
        "description": STRING,
        "strict": BOOLEAN,
        "defer_loading": said("Left out of the prompt until a `tool_reference` names it.", BOOLEAN),
    },
)

_TOOL_CHOICE = one(
    obj({"type": enum("auto", "any")}, {"disable_parallel_tool_use": BOOLEAN}),
    obj({"type": const("tool"), "name": TEXT}, {"disable_parallel_tool_use": BOOLEAN}),
    obj({"type": const("none")}),
)

_THINKING = one(
    obj({"type": const("enabled"), "budget_tokens": integer(1024)}, {"display": enum("summarized", "omitted")}),
    obj({"type": enum("adaptive", "between_tools")}, {"display": enum("summarized", "omitted")}),
    obj({"type": const("disabled")}),
)

_FORMAT = obj({"type": const("json_schema"), "schema": said("JSON Schema of the answer.", ANY_OBJECT)})

_PROMPT: dict[str, Schema] = {
    "model": {
        "type": "string",
        "minLength": 1,
        "maxLength": 256,
        "description": "The served model's name, or any that begins with `claude`.",
    },
    "messages": array(ref("InputMessage"), minItems=1, maxItems=100_000),
}
_ABOUT_THE_PROMPT = optional(
    {
        "system": one(STRING, array(ref("TextBlock"))),
        "tools": array(ref("Tool")),
        "tool_choice": _TOOL_CHOICE,
        "thinking": _THINKING,
        "output_config": obj(
            {}, optional({"format": _FORMAT, "effort": enum("low", "medium", "high", "xhigh", "max")})
        ),
        "output_format": said("The older spelling of `output_config.format`.", _FORMAT),
    }
)
_SAMPLING = optional(
    {
        "temperature": said(
            "0 is greedy; without it as the model's makers want it, else 1. "
            "Not with `anthropic-version: 2026-10-21` or later.",
            number(0, 1),
        ),
        "top_p": said("Without it as the model's makers want it, else 1.", number(0, 1)),
        "top_k": said("Without it as the model's makers want it, else 0, which is off.", integer(0)),
        "stop_sequences": array({"type": "string", "pattern": r"\S", "maxLength": 64}, maxItems=64),
    }
)
MESSAGES_FIELDS: dict[str, Schema] = {**_PROMPT, "max_tokens": integer(0)}
OPTIONAL_FIELDS: dict[str, Schema] = {
    **_ABOUT_THE_PROMPT,
    **_SAMPLING,
    **optional({"stream": BOOLEAN, "metadata": ANY_OBJECT, "service_tier": enum("auto", "standard_only")}),
}

SCHEMAS: dict[str, Schema] = {
    "TextBlock": _TEXT_BLOCK,
    "ThinkingBlock": _THINKING_BLOCK,
    "ToolUseBlock": _TOOL_USE_BLOCK,
    "ToolResultBlock": _TOOL_RESULT_BLOCK,
    "DocumentBlock": _DOCUMENT_BLOCK,
    "SearchResultBlock": _SEARCH_RESULT_BLOCK,
    "InputMessage": _MESSAGE,
    "Tool": _TOOL,
    "MessagesRequest": obj(
        MESSAGES_FIELDS, OPTIONAL_FIELDS, description="Fields that are not listed are ignored, but for those refused."
    ),
    "CountTokensRequest": obj(_PROMPT, _ABOUT_THE_PROMPT),
    "TokenCount": obj({"input_tokens": INTEGER}),
}
