"""GET /openapi.json: what this API takes and answers, for programs."""

from importlib.metadata import version
from typing import Any

from flask import Blueprint

from api.openapi.document import document

openapi = Blueprint("openapi", __name__)

_VERSION = version("pensieve")


@openapi.get("/openapi.json")
def get_document() -> dict[str, Any]:
    return document(_VERSION)
