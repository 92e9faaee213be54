"""A generation request as it crosses the queue: plain data, already tokenised."""

from dataclasses import dataclass
from typing import Any, Literal, Self

import orjson

FORMAT = 1
"""The form of requests. Raise it with every change that a worker of the last version would not read, or not heed: it
then leaves such requests to others."""

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
    min_p: float = 0.0
    """Tokens less likely than this part of the likeliest one are left out; 0 switches it off."""
    repetition_penalty: float = 1.0
    """Logits of tokens in the prompt or the answer are divided by it if positive, else multiplied; 1 is none."""
    presence_penalty: float = 0.0
    """Taken off the logits of every token that the answer has already."""
    frequency_penalty: float = 0.0
    """Taken off the logits of a token once for each time that the answer has it."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """Added to the logits of these tokens (id, bias)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPlan:
    """What the answer may consist of, and how it is read. The default is plain text."""

    tools: tuple[str, ...] = ()
    """The names of the tools that it may call; with none, what looks like a call is text."""
    schemas: str = ""
    """The schemas of their arguments by name, as JSON; only for models whose calls can't be read without."""
    grammar: str = ""
    """What the whole answer must fit, as an llguidance grammar over its text; "" for anything."""
    thinking: bool = False
    """The prompt leaves the answer inside a thinking block, or free to open one."""
    thinking_budget: int = 0
    """After so many tokens of thinking it is made to end; 0 is no bound."""
    max_calls: int = 0
    """The answer ends with its so many-th call; 0 is no bound."""


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
    answer: AnswerPlan = AnswerPlan()
    manner: tuple[str, ...] = ()
    """Words by which the wire remembers how to show the answer; they mean nothing to queue and workers."""
    trace: str = ""
    """W3C's `traceparent` of what brought it; "" where nobody traces."""
    fingerprint: str = ""
    """Of what the prompt was made with (models.fingerprint); "" goes with any worker that serves the model."""

    @property
    def needs(self) -> str:
        """What a worker must be able to do to take it: one of those that `understood` names."""
        return _needs(FORMAT, self.fingerprint)

    def to_json(self) -> str:
        # Not by way of asdict, which copies every token id: 22 ms for a prompt of 20,000.
        return orjson.dumps(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data: dict[str, Any] = orjson.loads(text)
        sampling = data.pop("sampling")
        sampling["stop"] = tuple(sampling["stop"])
        sampling["logit_bias"] = tuple((token, bias) for token, bias in sampling["logit_bias"])
        answer = data.pop("answer")
        answer["tools"] = tuple(answer["tools"])
        for name in ("prompt", "boundaries", "manner"):
            data[name] = tuple(data[name])
        return cls(sampling=SamplingParams(**sampling), answer=AnswerPlan(**answer), **data)


def understood(fingerprint: str = "") -> list[str]:
    """The needs that this version meets in a worker whose prompts are made with that."""
    return [_needs(number, made_with) for number in range(1, FORMAT + 1) for made_with in {"", fingerprint}]


def _needs(number: int, fingerprint: str) -> str:
    return f"{number} {fingerprint}".strip()
