"""POST /v1/messages/count_tokens: needs no worker."""

from flask import Blueprint

from api.body import api_version, json_body
from api.services import current_services
from api.wire.request import parse_count

count_tokens = Blueprint("count_tokens", __name__)


@count_tokens.post("/v1/messages/count_tokens")
def count() -> dict[str, int]:
    services = current_services()
    version = api_version()
    _, parsed = json_body(lambda body: parse_count(body, version, services.seal))
    prompts = services.models.named(parsed.model).prompts
    return {"input_tokens": len(prompts.encode(parsed.conversation))}
