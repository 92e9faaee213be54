"""A generation request as it crosses the queue: plain data, already tokenised."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import orjson

Lane = Literal["interactive", "background", "batch"]
LANES: tuple[Lane, ...] = ("interactive", "background", "batch")
"""In the order in which a worker takes from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How the next token is chosen. `top_k` 0 and `top_p` 1 switch those filters off."""

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple[str, ...] = ()
    seed: int = 0
    """Randomness is counted from (seed, position), so a resumed request draws the same tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    id: str
    """`msg_` and 24 base-62 characters: message id, job id and RQ job id in one."""
    model: str
    """The name that the answer's `model` states."""
    prompt: tuple[int, ...]
    """Token ids, template and all."""
    sampling: SamplingParams
    created_at: float
    """Unix seconds."""
    deadline_at: float
    """Unix seconds after which no work is done for it."""
    lane: Lane = "interactive"
    salt: str = ""
    """The tenant: only requests of one salt share what was computed of a prompt's beginning."""
    boundaries: tuple[int, ...] = ()
    """After how many of the prompt's tokens the system prompt and each turn end, ascending."""

    def to_json(self) -> str:
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data: dict[str, Any] = orjson.loads(text)
        sampling = data.pop("sampling")
        sampling["stop"] = tuple(sampling["stop"])
        for name in ("prompt", "boundaries"):
            data[name] = tuple(data.get(name, ()))
        return cls(sampling=SamplingParams(**sampling), **data)
