"""Vocabulary: what a model's tokens spell, in the form in which the grammar library wants it."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import llguidance

from models.tokenizer import Tokenizer
from workers.constraint_mask import Mask, mask_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`spelled` has the bytes of each token, by id; `library` is the same for llguidance."""

    library: llguidance.LLTokenizer
    spelled: tuple[bytes, ...]
    eos_ids: tuple[int, ...]
    """All that end an answer; the library knows only the first."""
    ends: Mask
    """The same as a mask."""


class VocabularyOnDemand:
    """Built when it is first asked for, which takes a second, and once. Threads may share it."""

    def __init__(self, tokenizer: Tokenizer, content: str) -> None:
        """`content` is the model's tokenizer.json."""
        self._tokenizer = tokenizer
        self._content = content
        self._lock = threading.Lock()
        self._built: Vocabulary | None = None

    def get(self) -> Vocabulary:
        """Raises ValueError for a tokenizer whose tokens have no bytes."""
        with self._lock:
            if self._built is None:
                began_at = time.monotonic()
                self._built = build(self._tokenizer, self._content)
                log.info("vocabulary for grammars built in %.1f s", time.monotonic() - began_at)
            return self._built


def build(tokenizer: Tokenizer, content: str) -> Vocabulary:
    """Of the model whose tokenizer.json this is. Tokens that never show in a text are special to grammars too."""
    read = llguidance.LLTokenizer(content)
    # The library's own reader knows all ways of spelling bytes, and tokenises from the middle of an answer, where no
    # space comes first. But it takes all that looks like <tool_call> for no text, even where it is meant to be shown.
    spelled = [read.decode_bytes([token]) for token in range(read.vocab_size)]
    for token, added in tokenizer.backend.get_added_tokens_decoder().items():
        if token < len(spelled):
            spelled[token] = added.content.encode()
    eos_ids = [token for token in tokenizer.eos_ids if token < len(spelled)]
    return vocabulary(spelled, tokenizer.hidden_ids, eos_ids, read.tokenize_str)


def vocabulary(
    spelled: Sequence[bytes], special_ids: Iterable[int], eos_ids: Iterable[int], encode: Callable[[str], list[int]]
) -> Vocabulary:
    """From the parts: what each token spells, which are no text, which end an answer, and how a text is tokenised."""
    ends = tuple(sorted(eos_ids))
    wrapper = llguidance.TokenizerWrapper(_Spelling(spelled, sorted({*special_ids, *ends}), ends[0], encode))
    library = llguidance.LLTokenizer(wrapper)
    return Vocabulary(library, tuple(spelled), ends, mask_of(ends, len(spelled)))


@dataclass(frozen=True, slots=True)
class _Spelling:
    """The attributes are those that the library asks for."""

    tokens: Sequence[bytes]
    special_token_ids: Sequence[int]
    eos_token_id: int
    encode: Callable[[str], list[int]]
    bos_token_id: int | None = None

    def __call__(self, text: str | bytes) -> list[int]:
        return self.encode(text if isinstance(text, str) else text.decode(errors="replace"))
