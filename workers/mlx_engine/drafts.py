"""Drafts: the draft model at work on one text at a time, that of the row which is computed alone.

Its keys and values lie beside the batch in what the row leaves of the memory. They are thrown away when another
sequence begins, and outlive an answer for its conversation's next turn. They are read up a chunk a step, each of which
takes about as long as a step, so that neither the row nor whoever comes waits longer than that.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from workers.draft_length import DraftLength
from workers.mlx_engine.device import Device
from workers.mlx_engine.draft_model import DraftModel, DraftSource
from workers.mlx_engine.prompt_cache_tree import agreeing, pack

log = logging.getLogger(__name__)


def drafts_by(
    source: DraftSource, model: nn.Module, vocabulary: int, device: Device, leaves_room: Callable[[int], bool]
) -> "Drafts | None":
    """As DraftModel.load, but None, and a line in the log, where the draft model is of no use."""
    try:
        draft = DraftModel.load(source, model, vocabulary, device, leaves_room)
    except Exception as error:  # noqa: BLE001
        # A broken file, an unknown architecture, layers that can't be cut: the model itself serves all the same.
        log.error("%s can't be the draft model: %s", source.folder.name, error)  # noqa: TRY400 - its message is enough
        return None
    log.info("%s drafts what is computed alone", source.folder.name)
    return Drafts(draft)


class Drafts:
    """Guesses are a matter of speed alone: whatever comes out of here, each is checked."""

    def __init__(self, draft: DraftModel) -> None:
        self.draft = draft
        self.length = DraftLength(draft.times)
        self.spent_s = 0.0
        """Since `turn`, in the draft model's passes."""
        self._is_alone = True
        self._text: list[int] = []
        """Whose tokens these are. Its owner lets it grow."""
        self._salt = ""
        self._read = 0
        """So many of them are in the caches."""
        self._ahead: list[int] = []
        """Guesses that are in the caches behind those."""
        self._caches: list[Any] = []

    @property
    def nbytes(self) -> int:
        return sum(cache.nbytes for cache in self._caches)

    def turn(self, *, is_alone: bool) -> None:
        """A step begins; `is_alone` says that nobody waits for it to be over."""
        self.spent_s, self._is_alone = 0.0, is_alone

    def make_way(self) -> None:
        """The memory is wanted."""
        self._text, self._read, self._ahead, self._caches = [], 0, [], []

    def expect(self, salt: str, tokens: list[int], room_bytes: float) -> None:
        """A sequence begins alone, which may take all memory but `room_bytes`: keep what it will go on from."""
        if salt != self._salt or self._agreeing(tokens) == 0 or self.nbytes > room_bytes:
            self.make_way()

    def wanted(self, salt: str, text: list[int], room: int, room_bytes: float, running: mx.array) -> int:
        """How many tokens to guess behind the next one of a text: 0 if none, or before the draft model has read it.

        It reads on if that is worth it, and when `running` has been computed. `text` is the same list at each step of
        a row, which may get `room` guesses, and leaves `room_bytes` of the memory.
        """
        if not self._is_alone or self.length.most(room) == 0:
            return 0
        self._follow(salt, text)
        chunk = self.draft.times.chunk
        unread = len(text) - self._read
        tokens = text[self._read : self._read + chunk]
        if unread > chunk and not self.length.is_worth(unread, room):
            return 0
        if self.draft.bytes_for(len(text) + chunk) > room_bytes or max(tokens, default=0) >= self.draft.vocabulary:
            self.make_way()
            return 0
        if unread <= chunk:
            return self.length.most(room)
        mx.eval(running)
        with self._timed():
            self.draft.model(mx.array(tokens, mx.uint32)[None], cache=self._caches)
            mx.eval([cache.state for cache in self._caches])
        self._read += chunk
        return 0

    def guess(self, text: list[int], count: int) -> list[int]:
        """What may follow a text that `wanted` has seen, but for its newest token."""
        if text[-1] >= self.draft.vocabulary:
            return []
        with self._timed():
            tokens = text[self._read :]
            guesses = [self._likeliest(mx.array(tokens, mx.uint32))]
            while len(guesses) < count:
                guesses.append(self._likeliest(guesses[-1]))
            found: list[int] = np.array(mx.concatenate(guesses)).tolist()
        self._read = len(text)
        self._ahead = found[:-1]
        return found

    def _follow(self, salt: str, text: list[int]) -> None:
        if text is not self._text:
            kept = self._agreeing(text) if salt == self._salt else 0
            self._cut(self._read + len(self._ahead) - kept)
            self._text, self._salt, self._read, self._ahead = text, salt, kept, []
        self._take_back()
        if not self._caches:
            self._caches = self.draft.new_caches()

    def _agreeing(self, tokens: list[int]) -> int:
        """How many of the tokens read the other text begins with; its last one is always to be read."""
        return min(agreeing(pack(self._text[: self._read]), pack(tokens)), len(tokens) - 1)

    def _take_back(self) -> None:
        """Forget guesses that didn't come true."""
        came = self._text[self._read : self._read + len(self._ahead)]
        true = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(came, self._ahead, strict=False)))
        self._cut(len(self._ahead) - true)
        self._read += true
        self._ahead = []

    def _cut(self, tokens: int) -> None:
        for cache in self._caches:
            cache.trim(tokens)

    def _likeliest(self, tokens: mx.array) -> mx.array:
        """(1,), to be computed."""
        logits: mx.array = self.draft.model(tokens[None], cache=self._caches)[:, -1, : self.draft.vocabulary]
        return mx.argmax(logits, axis=-1)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began_at = time.perf_counter()
        yield
        self.spent_s += time.perf_counter() - began_at
