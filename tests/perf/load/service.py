"""What the scenarios ask a running service: answers of a known length from an engine that repeats its prompt."""

from typing import Any

from tests.chaos.prompts import echo
from tests.chaos.testbed import Testbed
from tests.chaos.worker import STEP_S

MODEL = "smollm2-135m-instruct"
TOKENS_PER_WORD = 5
"""About as few as the words that are repeated have; prompt and answer together fit into the model's context."""


def body(number: int, tokens: int) -> dict[str, Any]:
    """A request for so many tokens, STEP_S each, that nobody else's answer has."""
    text = echo(number, tokens // TOKENS_PER_WORD + 2).text
    return {
        "model": MODEL,
        "max_tokens": tokens,
        "system": text,
        "messages": [{"role": "user", "content": "Go on."}],
    }


def tokens_for(seconds: float) -> int:
    """Of an answer that takes so long."""
    return round(seconds / STEP_S)


def api_pid(testbed: Testbed) -> int:
    (pid,) = testbed.api_children()
    return pid
