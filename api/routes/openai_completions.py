"""POST /v1/completions: the model goes on from a prompt as it stands."""

from flask import Blueprint, Response

from api.admission import admit
from api.body import json_body
from api.idempotency import claim_on, once
from api.openai_response import respond
from api.raw_submission import submit_raw
from api.services import current_services
from api.wire_openai.completion_request import parse_completion
from api.wire_openai.head import head_of
from api.wire_openai.text_completion import TextChunks, fold

openai_completions = Blueprint("openai_completions", __name__)


@openai_completions.post("/v1/completions")
def create_completion() -> Response:
    services = current_services()
    admit(services)
    body, parsed = json_body(parse_completion)
    claim = claim_on(body)
    job = once(services, claim, lambda: submit_raw(services, parsed, claim=claim))
    chunks = TextChunks(head_of(job), include_usage=parsed.include_usage) if parsed.stream else None
    return respond(services, job, claim, chunks=chunks, fold=fold)
