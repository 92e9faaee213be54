"""What a key has left of its minute, as `anthropic-ratelimit-` headers."""

from api.wire.rfc3339 import rfc3339
from queue_config.api_keys import Limits

_KINDS = ("requests", "input-tokens", "output-tokens")


def headers(limits: Limits, held: tuple[int, int, int], now: float) -> dict[str, str]:
    """One limit, rest and time of being full again for each kind that is limited; `now` is Unix seconds."""
    told: dict[str, str] = {}
    per_minute = (limits.requests_per_minute, limits.input_tokens_per_minute, limits.output_tokens_per_minute)
    for kind, limit, level in zip(_KINDS, per_minute, held, strict=True):
        if limit:
            prefix = f"anthropic-ratelimit-{kind}"
            told[f"{prefix}-limit"] = str(limit)
            # A debt is nobody's business but the bucket's.
            told[f"{prefix}-remaining"] = str(max(0, level))
            told[f"{prefix}-reset"] = rfc3339(now + (limit - level) * 60 / limit)
    return told
