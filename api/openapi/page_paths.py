"""The built-in page, and the live feed that it shows."""

from api.openapi.operations import Operation, answer, errors, event, operation, parameter
from api.openapi.words import ANY_OBJECT, COUNT, STRING, TEXT, Schema, array, const, enum, nullable, obj, one, ref

_TAG = "Page"
_NUMBER: Schema = {"type": "number", "minimum": 0}
_SERIES = array(nullable(_NUMBER))
_LANE = enum("interactive", "background", "batch")
_ID = nullable(STRING)

_ROW = {"id": _ID, "lane": _LANE, "prompt_tokens": COUNT, "accepted_at": _NUMBER}

SCHEMAS: dict[str, Schema] = {
    "LiveHistory": obj(
        {
            "type": const("history"),
            "at": _SERIES,
            "decode_tokens_per_s": _SERIES,
            "prefill_tokens_per_s": _SERIES,
            "running": _SERIES,
            "waiting": _SERIES,
            "first_token_s": _SERIES,
            "kv_bytes": _SERIES,
            "cache_bytes": _SERIES,
        },
        description="The last minutes, a sample a second, in columns.",
    ),
    "LivePicture": obj(
        {
            "type": const("picture"),
            "at": _NUMBER,
            "first_token_s": nullable(_NUMBER),
            "waiting": obj({"interactive": COUNT, "background": COUNT, "batch": COUNT}),
            "workers": array(ANY_OBJECT),
            "rows": array(
                obj(
                    _ROW
                    | {
                        "worker": TEXT,
                        "state": enum("waiting", "prefilling", "decoding"),
                        "prefilled_tokens": COUNT,
                        "cached_tokens": COUNT,
                        "output_tokens": COUNT,
                        "max_tokens": COUNT,
                    }
                )
            ),
            "queue": array(obj(_ROW)),
        },
        description="What runs, and the first that wait. `id` is null where it is another key's request.",
    ),
}


def _file(description: str) -> Schema:
    return answer(description) | {"content": {"*/*": {}}}


PATHS: dict[str, dict[str, Operation]] = {
    "/": {"get": operation("getPage", _TAG, "The built-in page", {"200": _file("HTML")} | errors()) | {"security": []}},
    "/web/{version}/{name}": {
        "get": operation(
            "getPageFile",
            _TAG,
            "What the page is made of",
            {"200": _file("Script, style or picture"), "304": answer("As it was")} | errors(404),
            parameters=(
                parameter("path", "version", {"type": "string", "minLength": 1}, "Changes with any of the files."),
                parameter("path", "name", {"type": "string", "minLength": 1}, "A path."),
            ),
        )
        | {"security": []}
    },
    "/v1/live/events": {
        "get": operation(
            "watchLive",
            _TAG,
            "The queue and the batch as they are, a few times a second; the last minutes first",
            {"200": answer("The events", events=event(one(ref("LiveHistory"), ref("LivePicture"))))} | errors(),
        )
    },
}
