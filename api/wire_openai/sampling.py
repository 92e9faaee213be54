"""How the next token is chosen, by OpenAI's names and ranges; also the names that local servers have added."""

from typing import Any

from api.wire import fields
from queue_config.errors import InvalidRequest
from queue_config.request import SamplingParams

MAX_STOPS = 64
MAX_STOP_BYTES = 256
MAX_TOP_K = 1_000_000
"""More than any vocabulary has: beyond it top_k changes nothing."""
MAX_BIASES = 1_024
_SEEDS = 2**63 - 1
UNBOUNDED = 2**31 - 1
"""An answer without `max_tokens` may take what the prompt leaves of the context."""


def read_sampling(given: dict[str, Any], max_tokens: int) -> SamplingParams:
    """`given` has no nulls; InvalidRequest names the field that is wrong."""
    return SamplingParams(
        max_tokens=max_tokens,
        temperature=_number(given, "temperature", 0, 2, default=1.0),
        top_p=_number(given, "top_p", 0, 1, default=1.0),
        top_k=_top_k(given),
        stop=_stops(given),
        seed=_seed(given),
        min_p=_number(given, "min_p", 0, 1, default=0.0),
        repetition_penalty=_repetition(given),
        presence_penalty=_number(given, "presence_penalty", -2, 2, default=0.0),
        frequency_penalty=_number(given, "frequency_penalty", -2, 2, default=0.0),
        logit_bias=_biases(given),
    )


def _number(given: dict[str, Any], name: str, low: float, high: float, *, default: float) -> float:
    return _in_range(given.get(name, default), name, low, high)


def _in_range(value: Any, path: str, low: float, high: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidRequest(f"{path}: Input should be a valid number")
    if not low <= value <= high:
        raise InvalidRequest(f"{path}: range: {low:g}..{high:g}")
    return float(value)


def _top_k(given: dict[str, Any]) -> int:
    """-1 is how other servers spell 'off'."""
    return min(max(fields.integer(given, "top_k", minimum=-1, default=0), 0), MAX_TOP_K)


def _repetition(given: dict[str, Any]) -> float:
    value = _number(given, "repetition_penalty", 0, 10, default=1.0)
    if value == 0:
        raise InvalidRequest("repetition_penalty: Input should be greater than 0")
    return value


def _seed(given: dict[str, Any]) -> int:
    """Any integer, folded to one that is not 0, which means that none was given."""
    value = given.get("seed")
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidRequest("seed: Input should be a valid integer")
    return 1 + value % _SEEDS


def _stops(given: dict[str, Any]) -> tuple[str, ...]:
    """Unlike Anthropic's, a stop may be white space alone: most prompts for completions stop at a newline."""
    value = given.get("stop", [])
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise InvalidRequest("stop: Input should be a valid string or an array of strings")
    if len(stops) > MAX_STOPS:
        raise InvalidRequest(f"stop: at most {MAX_STOPS} are allowed")
    if any(not 0 < len(stop.encode()) <= MAX_STOP_BYTES for stop in stops):
        raise InvalidRequest(f"stop: each should have between 1 and {MAX_STOP_BYTES} bytes")
    return tuple(dict.fromkeys(stops))


def _biases(given: dict[str, Any]) -> tuple[tuple[int, float], ...]:
    biases = fields.mapping(given.get("logit_bias", {}), "logit_bias")
    if len(biases) > MAX_BIASES:
        raise InvalidRequest(f"logit_bias: at most {MAX_BIASES} tokens are allowed")
    return tuple(
        sorted({_token(key): _in_range(bias, "logit_bias", -100, 100) for key, bias in biases.items()}.items())
    )


def _token(key: str) -> int:
    # Ten digits hold every id, and longer ones would only be slow to read.
    if not key.isascii() or not key.isdigit() or len(key) > 10:
        raise InvalidRequest("logit_bias: keys should be token ids")
    return int(key)
