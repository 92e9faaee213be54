"""Fields that we can't honour: ignoring them would answer another question, so they are a clear 400.

Everything else that is unknown is ignored: clients add harmless fields all the time.
"""

from typing import Any

from queue_config.errors import InvalidRequest


def refuse(given: dict[str, Any]) -> None:
    """Raise InvalidRequest for the first field whose meaning would be lost. `given` has no nulls."""
    for name in ("n", "best_of"):
        if given.get(name, 1) != 1:
            raise InvalidRequest(f"{name}: only 1 is supported; send the request again for another answer")
    for name, why in _REFUSED.items():
        # In the older completions 0 asks for the chosen tokens' own probabilities.
        if name in given and given[name] is not False and (given[name] or name == "logprobs"):
            raise InvalidRequest(f"{name}: {why}")
    if given.get("modalities", ["text"]) != ["text"]:
        raise InvalidRequest("modalities: only 'text' is supported")


_REFUSED = {
    "logprobs": "the probabilities of tokens are not supported",
    "top_logprobs": "the probabilities of tokens are not supported",
    "echo": "repeating the prompt is not supported",
    "suffix": "text behind the answer is not supported",
    "audio": "audio is not supported",
    "web_search_options": "web search is not supported",
}
