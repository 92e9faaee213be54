"""POST /v1/chat/completions: the answers of /v1/messages for clients that speak OpenAI's format."""

from flask import Blueprint, Response

from api.admission import admit
from api.body import json_body
from api.idempotency import claim_on, submit_once
from api.openai_response import respond
from api.services import current_services
from api.wire_openai.chat_answer import fold
from api.wire_openai.chat_chunks import ChatChunks
from api.wire_openai.chat_request import parse_chat
from api.wire_openai.head import head_of

openai_chat = Blueprint("openai_chat", __name__)


@openai_chat.post("/v1/chat/completions")
def create_chat_completion() -> Response:
    services = current_services()
    admit(services)
    body, parsed = json_body(parse_chat)
    claim = claim_on(body)
    job = submit_once(services, parsed.message, "interactive", claim)
    chunks = ChatChunks(head_of(job), include_usage=parsed.include_usage) if parsed.message.stream else None
    return respond(services, job, claim, chunks=chunks, fold=fold)
