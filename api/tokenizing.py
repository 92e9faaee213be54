"""Prompts: conversations to token ids, off the event loop."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

import orjson

from api.answer_plans import AnswerPlans
from api.off_loop import Lanes
from models.conversation import Conversation
from models.errors import PromptRejected
from models.families import Family
from models.prompt import Markup, Segment
from queue_config.errors import InvalidRequest, PromptTooLong

BYTES_PER_TOKEN = 64
"""More than any text has; a prompt that is too long even so is refused unread, for reading 10 MB takes 20 s."""
PROBED_BYTES_PER_TOKEN = 16
"""A prompt beyond this is tried with its first part; nearly all are too long by then, and the rest of it can wait."""
_TYPICAL_BYTES_PER_TOKEN = 4
KEPT_CONTEXTS = 4
_CUT_TOKENS = 64


class Encoder(Protocol):
    @property
    def vocab_size(self) -> int: ...

    @property
    def special(self) -> Mapping[str, int]: ...

    @property
    def opening(self) -> tuple[int, ...]: ...

    def encode(self, segments: Sequence[Segment]) -> list[int]: ...


class Prompts:
    def __init__(
        self, family: Family, encoder: Encoder, context_tokens: int, ends: frozenset[int] = frozenset()
    ) -> None:
        """`ends` are the tokens that end a turn; nobody's text is ever encoded to one of them."""
        self._family = family
        self._encoder = encoder
        self._ends = ends
        self._lanes = Lanes()
        self._within = lru_cache(KEPT_CONTEXTS)(self._with_context)
        self.context_tokens = context_tokens
        """Prompt and answer together."""
        self.plans = AnswerPlans(family.syntax, encoder.special)

    @property
    def thinks(self) -> bool:
        """Whether the model's answers can be made to think first."""
        return self.plans.thinks

    def within(self, context_tokens: int) -> "Prompts":
        """The same in a smaller context."""
        return self._within(context_tokens)

    def _with_context(self, context_tokens: int) -> "Prompts":
        return Prompts(self._family, self._encoder, context_tokens, self._ends)

    def encode(self, conversation: Conversation) -> tuple[int, ...]:
        """The prompt's token ids, however many; InvalidRequest where there is no way to say it to this model."""
        size_bytes = self.measure(conversation)
        try:
            return self._lanes.run(lambda: self._ids(self._family.render(conversation)), size_bytes)
        except PromptRejected as error:
            raise InvalidRequest(f"messages: {error}") from error

    def encode_raw(self, prompt: str) -> tuple[int, ...]:
        """Text as the model is to read it, control tokens that are spelled out included: whoever wrote it wrote all."""
        size_bytes = len(prompt.encode(errors="surrogatepass"))
        self._check_size(size_bytes)
        try:
            ids = self._lanes.run(lambda: self._ids([Markup(prompt)]), size_bytes)
        except PromptRejected as error:
            raise InvalidRequest(f"prompt: {error}") from error
        opening = self._encoder.opening
        return ids if ids[: len(opening)] == opening else (*opening, *ids)

    def _ids(self, segments: Sequence[Segment]) -> tuple[int, ...]:
        """Raises PromptTooLong as soon as that is certain: 1 MB takes the tokenizer from half a second to three."""
        size = sum(len(_text(segment)) for segment in segments)
        probed = self.context_tokens * PROBED_BYTES_PER_TOKEN
        if size > probed:
            # Where the text is cut, some tokens may come out otherwise.
            tokens = len(self._encoder.encode(_head(segments, probed)))
            if tokens > self.context_tokens + _CUT_TOKENS:
                raise self.too_long(tokens * size // probed)
        return tuple(self._encoder.encode(segments))

    def check_tokens(self, ids: Iterable[int], field: str) -> None:
        """Raise InvalidRequest where one of them is no token of the model's."""
        if any(not 0 <= token < self._encoder.vocab_size for token in ids):
            raise InvalidRequest(f"{field}: token ids should be less than {self._encoder.vocab_size}")

    def boundaries(self, prompt: Sequence[int]) -> tuple[int, ...]:
        """After how many tokens each finished part of the prompt ends: system prompt and turns.

        Empty for formats whose turns end without a token of their own.
        """
        return tuple(at + 1 for at, token in enumerate(prompt) if token in self._ends)

    def measure(self, conversation: Conversation) -> int:
        """Its size in bytes; InvalidRequest where no tokenizer could make that fit."""
        parts = sum(len(turn.parts) for turn in conversation.turns)
        if parts > self.context_tokens:
            # No part is empty, and between any two there is something.
            raise self.too_long(2 * parts)
        texts = [conversation.system, *conversation.texts(), *(tool.description for tool in conversation.tools)]
        size_bytes = sum(len(text.encode(errors="surrogatepass")) for text in texts)
        size_bytes += sum(len(orjson.dumps(tool.schema)) for tool in conversation.tools)
        self._check_size(size_bytes)
        return size_bytes

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self.context_tokens * BYTES_PER_TOKEN:
            raise self.too_long(size_bytes // _TYPICAL_BYTES_PER_TOKEN)

    def too_long(self, tokens: int) -> PromptTooLong:
        return PromptTooLong(tokens, self.context_tokens)


def _text(segment: Segment) -> str:
    return segment.text if isinstance(segment, Markup) else segment


def _head(segments: Sequence[Segment], size: int) -> list[Segment]:
    """Their first `size` characters."""
    head: list[Segment] = []
    for segment in segments:
        if size <= 0:
            break
        cut = _text(segment)[:size]
        head.append(Markup(cut) if isinstance(segment, Markup) else cut)
        size -= len(cut)
    return head
