"""GET /v1/models and /v1/models/{id}: the one model that is served."""

from typing import Any

from flask import Blueprint, request

from api.services import Services, current_services
from api.submission import check_model
from api.wire.model_info import model_info, page
from queue_config.errors import InvalidRequest

models = Blueprint("models", __name__)

MAX_LIMIT = 1_000


@models.get("/v1/models")
def list_models() -> dict[str, Any]:
    services = current_services()
    _check_limit(request.args.get("limit"))
    info = _info(services)
    # A list of one has nothing before or after its only member.
    beyond = info["id"] in {request.args.get("after_id"), request.args.get("before_id")}
    wanted = request.args.getlist("lifecycle[]") or request.args.getlist("lifecycle")
    is_wanted = not wanted or info["lifecycle"] in wanted
    return page([info] if is_wanted and not beyond else [], has_more=False)


@models.get("/v1/models/<path:name>")
def get_model(name: str) -> dict[str, Any]:
    services = current_services()
    check_model(services, name)
    return _info(services)


def _info(services: Services) -> dict[str, Any]:
    prompts = services.prompts
    return model_info(services.model.name, prompts.context_tokens, thinks=prompts.thinks)


def _check_limit(text: str | None) -> None:
    if text is None:
        return
    if not text.isascii() or not text.isdigit():
        raise InvalidRequest("limit: Input should be a valid integer")
    if not 1 <= int(text[:10]) <= MAX_LIMIT:
        raise InvalidRequest(f"limit: range: 1..{MAX_LIMIT}")
