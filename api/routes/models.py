"""GET /v1/models and /v1/models/{id}: what workers serve just now, the default model first."""

from typing import Any

from flask import Blueprint, request

from api.served_models import Listed
from api.services import current_services
from api.wire import paging
from api.wire.model_info import model_info, page

models = Blueprint("models", __name__)


@models.get("/v1/models")
def list_models() -> dict[str, Any]:
    limit, cursor = paging.limit_of(request.args), paging.cursor_of(request.args)
    infos = [_info(listed) for listed in current_services().models.listed()]
    wanted = request.args.getlist("lifecycle[]") or request.args.getlist("lifecycle")
    infos = [info for info in infos if not wanted or info["lifecycle"] in wanted]
    names = [info["id"] for info in infos]
    # A model that has gone meanwhile has nothing after it, and nothing before.
    first = names.index(cursor.after) + 1 if cursor.after in names else len(names) if cursor.after else 0
    last = names.index(cursor.before) if cursor.before in names else 0 if cursor.before else len(names)
    found = infos[first:last]
    shown = found[-limit:] if cursor.before else found[:limit]
    return page(shown, has_more=len(found) > limit)


@models.get("/v1/models/<path:name>")
def get_model(name: str) -> dict[str, Any]:
    served = current_services().models.named(name)
    return _info(Listed(served.name, served.prompts.context_tokens, served.prompts.thinks))


def _info(model: Listed) -> dict[str, Any]:
    return model_info(model.name, model.context_tokens, thinks=model.thinks)
