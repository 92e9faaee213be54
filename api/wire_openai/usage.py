"""What an answer cost and why it ended, in OpenAI's words."""

from typing import Any

from queue_config.events import Finished, StopReason

_REASONS: dict[StopReason, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}


def finish_reason(end: Finished) -> str:
    return _REASONS[end.reason]


def usage(prompt_tokens: int, end: Finished) -> dict[str, Any]:
    """Here the details are parts of the totals, where Anthropic's counts stand side by side."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": end.output_tokens,
        "total_tokens": prompt_tokens + end.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": end.cache_read_tokens,
            "cache_write_tokens": end.cache_written_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": end.thinking_tokens},
    }
