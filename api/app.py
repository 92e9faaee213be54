"""create_app: the Flask application, put together from its routes."""

import os

from flask import Flask, Response, g

from api import auth, body, error_pages, upkeep
from api.counting import count_answers
from api.request_log import RequestIds
from api.routes.batches import batches
from api.routes.count_tokens import count_tokens
from api.routes.greetings import greetings
from api.routes.health import health
from api.routes.jobs import jobs
from api.routes.live import live
from api.routes.messages import messages
from api.routes.metrics import metrics
from api.routes.models import models
from api.routes.openai_chat import openai_chat
from api.routes.openai_completions import openai_completions
from api.routes.openapi import openapi
from api.routes.stream import SOCKET_OPTIONS, stream
from api.routes.web import web
from api.services import Services
from api.tracing import trace_requests
from api.wire import ids
from queue_config import logs
from queue_config.long_lived import keep_for_good
from queue_config.settings import Settings
from queue_config.tracing import Tracing


def from_environment() -> Flask:
    """The application as gunicorn starts it: settings come from PENSIEVE_ variables."""
    settings = Settings.from_env(os.environ)  # noqa: TID251 - gunicorn calls this without arguments
    logs.set_up("api", settings.log_level, settings.log_format, RequestIds())
    services = Services.build(settings)
    upkeep.start(services)
    app = create_app(services, Tracing.of(settings, "api"))
    keep_for_good()
    return app


def create_app(services: Services, tracing: Tracing | None = None) -> Flask:
    app = Flask("pensieve", static_folder=None)
    app.extensions["services"] = services
    app.config["MAX_CONTENT_LENGTH"] = services.settings.max_body_bytes
    app.config["SOCK_SERVER_OPTIONS"] = SOCKET_OPTIONS
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # A redirect for a doubled slash would be HTML.
    app.url_map.merge_slashes = False
    app.before_request(_begin)
    if tracing is not None:
        trace_requests(app, tracing)
    auth.guard(app, services.settings)
    app.after_request(_finish)
    count_answers(app, services.counts)
    app.teardown_request(body.forget)
    error_pages.install(app)
    for blueprint in (
        health,
        greetings,
        messages,
        batches,
        count_tokens,
        models,
        jobs,
        stream,
        openai_chat,
        openai_completions,
        openapi,
        live,
        metrics,
        web,
    ):
        app.register_blueprint(blueprint)
    return app


def _begin() -> None:
    g.request_id = ids.new_request_id()


def _finish(response: Response) -> Response:
    response.headers.update(g.get("allowance", {}))
    # Anthropic's clients read the one, OpenAI's the other.
    response.headers["request-id"] = response.headers["x-request-id"] = g.request_id
    return response
