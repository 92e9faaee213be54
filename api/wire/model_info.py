"""What `/v1/models` says of the served model."""

from typing import Any

# Weights don't say when they were released; the API's own value for an unknown date.
_UNKNOWN_DATE = "1970-01-01T00:00:00Z"
_NO = {"supported": False}
_YES = {"supported": True}


def model_info(name: str, context_tokens: int, *, thinks: bool) -> dict[str, Any]:
    """`context_tokens` bounds prompt and answer together, so it is the most that either may have."""
    return {
        "type": "model",
        # OpenAI's clients read these three, and the list's `object`.
        "object": "model",
        "created": 0,
        "owned_by": "pensieve",
        "id": name,
        "display_name": name,
        "created_at": _UNKNOWN_DATE,
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "max_input_tokens": context_tokens,
        "max_tokens": context_tokens,
        "capabilities": _CAPABILITIES
        | {
            # Less effort bounds how long the model may think.
            "effort": {"supported": thinks, **dict.fromkeys(("low", "medium", "high", "xhigh", "max"), _YES)},
            "thinking": {
                "supported": thinks,
                # Asking for thinking is no error; a model that can't has none to show.
                "types": {"adaptive": _YES, "enabled": _YES, "disabled": _YES, "between_tools": _YES},
            },
        },
    }


def page(infos: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """One page of a list."""
    return {
        "object": "list",
        "data": infos,
        "has_more": has_more,
        "first_id": infos[0]["id"] if infos else None,
        "last_id": infos[-1]["id"] if infos else None,
    }


_CAPABILITIES = {
    "batch": _YES,
    "citations": _NO,
    "code_execution": _NO,
    "context_management": {
        "supported": False,
        "clear_thinking_20251015": _NO,
        "clear_tool_uses_20250919": _NO,
        "compact_20260112": _NO,
    },
    "image_input": _NO,
    "pdf_input": _NO,
    "server_tools": {"supported": False, "web_search": _NO, "code_execution": _NO},
    "structured_outputs": _YES,
}
