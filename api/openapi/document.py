"""The whole document."""

from typing import Any

from api.openapi import (
    anthropic_paths,
    chat,
    jobs,
    message_answers,
    message_requests,
    openai_paths,
    own_paths,
    page_paths,
    service,
)


def document(version: str) -> dict[str, Any]:
    """OpenAPI 3.1; `version` is Pensieve's."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pensieve",
            "version": version,
            "description": "Language models on your own machine behind the Anthropic Messages API, as durable jobs.",
        },
        "security": [{}, {"key": []}, {"bearer": []}],
        "paths": anthropic_paths.PATHS | own_paths.PATHS | page_paths.PATHS | openai_paths.PATHS,
        "components": {
            "schemas": message_requests.SCHEMAS
            | message_answers.SCHEMAS
            | jobs.SCHEMAS
            | service.SCHEMAS
            | page_paths.SCHEMAS
            | chat.SCHEMAS,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }
