"""DraftModel: a small model that guesses what a larger one will say, loaded beside it and measured."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache

from workers.draft_length import DraftLength, PassTimes
from workers.drafting import SIZES
from workers.engine import Need
from workers.mlx_engine.attention import SeveralAttention
from workers.mlx_engine.attention_choice import several
from workers.mlx_engine.cpu_layers import suit
from workers.mlx_engine.device import Device
from workers.mlx_engine.draft_cache import draft_caches
from workers.mlx_engine.kv_costs import MlxKVCosts, Scratch
from workers.mlx_engine.kv_shape import kv_shape
from workers.mlx_engine.load import load
from workers.mlx_engine.prompt_cache_pieces import is_plain

log = logging.getLogger(__name__)

_ROUNDS = 4
"""Of the passes that are measured; the quickest counts."""


class DraftRefused(Exception):
    """This model is of no use as a draft; the message says why."""


@dataclass(frozen=True, slots=True)
class DraftSource:
    """`folder` holds a model of the same vocabulary, which the caller has seen to."""

    folder: Path
    times: PassTimes | None = None
    """Measured where they aren't given."""


@dataclass(frozen=True, slots=True)
class DraftModel:
    model: nn.Module
    vocabulary: int
    """Ids below this mean the same to both models, and are known to both."""
    weights_bytes: int
    times: PassTimes
    costs: MlxKVCosts
    several: SeveralAttention | None = None
    """Through which several new tokens at once attend."""

    @classmethod
    def load(
        cls,
        source: DraftSource,
        model: nn.Module,
        vocabulary: int,
        device: Device,
        leaves_room: Callable[[int], bool],
    ) -> "DraftModel":
        """To guess for `model`, whose logits are `vocabulary` wide. Raises DraftRefused, or what loading raises.

        `leaves_room` says whether so many bytes of weights may lie beside the model's own.
        """
        loaded = load(source.folder, device)
        draft = loaded.model
        if not leaves_room(loaded.weights_bytes):
            raise DraftRefused(f"its {loaded.weights_bytes / 1e9:.2f} GB would leave too little memory for sequences")
        if not all(is_plain(cache) for cache in make_prompt_cache(draft)):
            raise DraftRefused("it has layers that don't keep every token, so wrong guesses can't be taken back")
        suit(draft, device)
        shape = kv_shape(draft)
        by = several(draft, device)
        times = source.times or measured(model, draft, device, by)
        if not DraftLength(times).pays:
            raise DraftRefused(
                f"a guess takes it {times.guess * 1000:.1f} ms where the model's own step takes "
                f"{times.checks[0] * 1000:.1f} ms, which is too long to gain anything"
            )
        width: int = draft(mx.array([[0]], mx.uint32)).shape[-1]
        scratch = replace(Scratch.of(loaded.config, device), chunk=times.chunk)
        return cls(
            draft, min(width, vocabulary), loaded.weights_bytes, times,
            MlxKVCosts(0, shape, scratch, lambda rows: rows), by,
        )  # fmt: skip

    def new_caches(self) -> list[Any]:
        """Empty ones, one a layer."""
        return draft_caches(self.model, self.several)

    def bytes_for(self, tokens: int) -> int:
        """Keys, values and scratch for a text of so many tokens."""
        return self.costs.bytes_alone(Need(tokens, self.times.chunk))


def measured(
    model: nn.Module, draft: nn.Module, device: Device, by: SeveralAttention | None = None
) -> PassTimes:  # fmt: skip
    """Run passes of each kind over a few tokens, the draft model's through `by`; which also prepares a GPU for them."""
    checks = {size: partial(_logits, model, size + 1, None) for size in (0, *SIZES)}
    # A draft whose last guess was right goes on from two tokens.
    guesses = [partial(_logits, draft, tokens, by) for tokens in (1, 2)]
    chunks = {size: partial(_read, draft, size, by) for size in device.chunk_sizes}
    *check_s, one_s, two_s, least_s = _seconds([*checks.values(), *guesses, chunks[device.chunk_sizes[0]]])
    times = PassTimes(dict(zip(checks, check_s, strict=True)), max(one_s, two_s), device.chunk_sizes[0], least_s)
    for size in device.chunk_sizes[1:]:
        (seconds,) = _seconds([chunks[size]])
        if seconds > times.checks[0]:
            break
        times = replace(times, chunk=size, chunk_s=seconds)
    log.info("a step takes %.1f ms, a guess of the draft model %.1f, reading %d tokens %.1f",
             times.checks[0] * 1000, times.guess * 1000, times.chunk, times.chunk_s * 1000)  # fmt: skip
    return times


def _seconds(runs: list[Callable[[], Any]]) -> list[float]:
    """What each takes at its quickest; run in turns, so that what else the machine does slows none of them alone."""
    times = [inf] * len(runs)
    for _ in range(_ROUNDS):
        for place, run in enumerate(runs):
            began_at = time.perf_counter()
            mx.eval(run())
            times[place] = min(times[place], time.perf_counter() - began_at)
    return times


def _logits(model: nn.Module, tokens: int, by: SeveralAttention | None) -> mx.array:
    logits: mx.array = model(mx.zeros((1, tokens), mx.uint32), cache=draft_caches(model, by))
    return logits


def _read(model: nn.Module, tokens: int, by: SeveralAttention | None) -> list[Any]:
    caches = draft_caches(model, by)
    model(mx.zeros((1, tokens), mx.uint32), cache=caches)
    return [cache.state for cache in caches]
