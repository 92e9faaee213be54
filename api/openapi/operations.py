"""The words in which paths are written: operations, their parameters and their answers."""

from typing import Any

from api.openapi.words import STRING, Schema, const, obj, one, ref

JSON = "application/json"
EVENTS = "text/event-stream"
JSONL = "application/x-jsonl"
TEXT = "text/plain"
Operation = dict[str, Any]


def answer(description: str, **contents: Schema) -> dict[str, Any]:
    """An answer with its content types, written `json=`, `events=`, `jsonl=` and `text=`."""
    kinds = {"json": JSON, "events": EVENTS, "jsonl": JSONL, "text": TEXT}
    content = {kinds[kind]: {"schema": schema} for kind, schema in contents.items()}
    return {"description": description, "content": content} if content else {"description": description}


def event(data: Schema) -> Schema:
    """One server-sent event, whose data are such JSON; in the form that OpenAPI 3.2 gives them."""
    return obj({"data": _json_text(data)}, {"event": STRING})


def chunk(data: Schema) -> Schema:
    """The same as OpenAI's clients have it: without a name, and the last one is no JSON."""
    return obj({"data": one(_json_text(data), const("[DONE]"))})


def _json_text(content: Schema) -> Schema:
    return {"type": "string", "contentMediaType": JSON, "contentSchema": content}


def errors(*statuses: int, schema: str = "Error") -> dict[str, Any]:
    """What any route may answer, and these besides."""
    meanings = {
        400: "The request is wrong; the message names the field",
        401: "No key, or a wrong one",
        403: "A foreign Host or Origin",
        404: "No such object, or none any more",
        409: "The same Idempotency-Key with another body",
        413: "The body is over the limit",
        415: "The body is not plain JSON",
        500: "The answer failed",
        503: "Too many requests wait, or Redis is away",
        504: "Not complete within its deadline",
        529: "Too many requests wait, or Redis is away",
    }
    return {
        str(status): answer(meanings[status], json=ref(schema)) for status in sorted({400, 401, 403, 500, *statuses})
    }


def operation(
    name: str,
    tag: str,
    summary: str,
    responses: dict[str, Any],
    *,
    body: str = "",
    parameters: tuple[Schema, ...] = (),
) -> Operation:
    """`body` is the name of the schema that its JSON fits."""
    written: Operation = {"operationId": name, "tags": [tag], "summary": summary}
    if parameters:
        written["parameters"] = [*parameters]
    if body:
        written["requestBody"] = {"required": True, "content": {JSON: {"schema": ref(body)}}}
    return written | {"responses": responses}


def parameter(place: str, name: str, schema: Schema, description: str) -> Schema:
    """`place` is path, query or header."""
    required = {"required": True} if place == "path" else {}
    return {"name": name, "in": place, "schema": schema, "description": description, **required}
