"""DraftCache: what a draft model's layers keep, where several new tokens at once had better attend in few shapes."""

from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import KVCache, make_prompt_cache

from workers.mlx_engine.attention import SeveralAttention, SeveralTokens


class DraftCache(KVCache):  # type: ignore[misc]
    """mlx-lm's, but for who attends."""

    def __init__(self, attention: SeveralAttention) -> None:
        super().__init__()
        self._attention = attention

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[Any, Any]:
        held: tuple[mx.array, mx.array] = super().update_and_fetch(keys, values)
        if keys.shape[2] == 1:
            return held
        tokens = SeveralTokens(self, *held, self._attention)
        return tokens, tokens

    def make_mask(self, N: int, return_array: bool = False, window_size: int | None = None) -> Any:  # noqa: FBT001, FBT002, N803
        return super().make_mask(N, return_array=return_array or N > 1, window_size=window_size)


def draft_caches(draft: nn.Module, attention: SeveralAttention | None) -> list[Any]:
    """One a layer, empty; the draft model's layers all keep every token."""
    plain: list[Any] = make_prompt_cache(draft)
    return plain if attention is None else [DraftCache(attention) for _ in plain]
