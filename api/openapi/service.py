"""Models and health."""

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
    ref,
)

_MODEL = obj(
    {
        "type": const("model"),
        "object": const("model"),
        "created": COUNT,
        "owned_by": const("pensieve"),
        "id": TEXT,
        "display_name": TEXT,
        "created_at": TIME,
        "lifecycle": const("active"),
        "deprecated_at": NULL,
        "retires_at": NULL,
        "line": NULL,
        "max_input_tokens": COUNT,
        "max_tokens": COUNT,
        "capabilities": ANY_OBJECT,
    },
    description="Anthropic's fields and OpenAI's in one object.",
)

_CHECK = obj({"ok": BOOLEAN}, {"why": STRING})

SCHEMAS: dict[str, Schema] = {
    "Model": _MODEL,
    "ModelPage": obj(
        {
            "object": const("list"),
            "data": array(ref("Model")),
            "has_more": BOOLEAN,
            "first_id": nullable(STRING),
            "last_id": nullable(STRING),
        }
    ),
    "Health": obj({"status": const("ok"), "version": TEXT}),
    "Readiness": obj(
        {
            "status": enum("ready", "not ready"),
            "model": TEXT,
            "missing": array(STRING),
            "checks": obj({"redis": _CHECK, "worker": _CHECK}),
        }
    ),
}
