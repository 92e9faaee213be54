"""GET /v1/models and /v1/models/{id}: the one model that is served."""

from typing import Any

from flask import Blueprint, request

from api.services import current_services
from api.submission import check_model
from api.wire.model_info import model_info, page
from queue_config.errors import InvalidRequest

models = Blueprint("models", __name__)

MAX_LIMIT = 1_000


@models.get("/v1/models")
def list_models() -> dict[str, Any]:
    services = current_services()
    _check_limit(request.args.get("limit"))
    name = services.model.name
    # A list of one has nothing before or after its only member.
    beyond = name in {request.args.get("after_id"), request.args.get("before_id")}
    infos = [] if beyond else [model_info(name, services.prompts.context_tokens)]
    return page(infos, has_more=False)


@models.get("/v1/models/<path:name>")
def get_model(name: str) -> dict[str, Any]:
    services = current_services()
    return model_info(check_model(services, name), services.prompts.context_tokens)


def _check_limit(text: str | None) -> None:
    if text is None:
        return
    if not text.isascii() or not text.isdigit():
        raise InvalidRequest("limit: Input should be a valid integer")
    if not 1 <= int(text[:10]) <= MAX_LIMIT:
        raise InvalidRequest(f"limit: range: 1..{MAX_LIMIT}")
