"""Prompts: conversations to token ids, off the event loop."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import gevent
from gevent import monkey

from models.conversation import Conversation
from models.errors import PromptRejected
from models.families import Family
from models.prompt import Segment
from queue_config.errors import InvalidRequest

BYTES_PER_TOKEN = 64
"""More than any text has; a prompt that is too long even so is refused unread, for reading 10 MB takes 20 s."""
_TYPICAL_BYTES_PER_TOKEN = 4

T = TypeVar("T")


class Encoder(Protocol):
    def encode(self, segments: Sequence[Segment]) -> list[int]: ...


class Prompts:
    def __init__(
        self, family: Family, encoder: Encoder, context_tokens: int, ends: frozenset[int] = frozenset()
    ) -> None:
        """`ends` are the tokens that end a turn; nobody's text is ever encoded to one of them."""
        self._family = family
        self._encoder = encoder
        self._ends = ends
        self.context_tokens = context_tokens
        """Prompt and answer together."""

    def encode(self, conversation: Conversation) -> tuple[int, ...]:
        """The prompt's token ids, however many; InvalidRequest where there is no way to say it to this model."""
        self.measure(conversation)
        try:
            return tuple(_off_loop(lambda: self._encoder.encode(self._family.render(conversation))))
        except PromptRejected as error:
            raise InvalidRequest(f"messages: {error}") from error

    def boundaries(self, prompt: Sequence[int]) -> tuple[int, ...]:
        """After how many tokens each finished part of the prompt ends: system prompt and turns.

        Empty for formats whose turns end without a token of their own.
        """
        return tuple(at + 1 for at, token in enumerate(prompt) if token in self._ends)

    def measure(self, conversation: Conversation) -> int:
        """Its size in bytes; InvalidRequest where no tokenizer could make that fit."""
        texts = [conversation.system, *(part.text for turn in conversation.turns for part in turn.parts)]
        size_bytes = sum(len(text.encode(errors="surrogatepass")) for text in texts)
        if size_bytes > self.context_tokens * BYTES_PER_TOKEN:
            raise self.too_long(size_bytes // _TYPICAL_BYTES_PER_TOKEN)
        return size_bytes

    def too_long(self, tokens: int) -> InvalidRequest:
        """Claude Code reads this wording, and compacts its conversation."""
        return InvalidRequest(f"prompt is too long: {tokens} tokens > {self.context_tokens} maximum")


def _off_loop(work: Callable[[], T]) -> T:
    """Under gevent in one of its real threads, since the tokenizer releases the GIL but never yields to the loop."""
    if monkey.is_module_patched("threading"):
        result: T = gevent.get_hub().threadpool.apply(work)
        return result
    return work()
