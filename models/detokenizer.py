"""Detokenizer: one answer's tokens to text as they come, never cutting a character or losing a space."""

from collections.abc import Collection, Mapping, Sequence

import tokenizers

INCOMPLETE = "\ufffd"
"""What the backend shows for bytes that are no whole character yet."""
MOST_PENDING = 8
"""Tokens held back at most: a character has four bytes, so after more than that they are broken for good."""


class Detokenizer:
    """Decodes a small window twice, with and without the new token; the difference is the new text.

    The window starts with tokens that are out already, because many vocabularies drop the space in front of the
    first token that they decode.
    """

    def __init__(
        self,
        backend: tokenizers.Tokenizer,
        hidden_ids: Collection[int],
        prompt: Sequence[int] = (),
        markers: Mapping[int, str] | None = None,
    ) -> None:
        """`markers` are special tokens that show all the same, since they tell a call from text."""
        self._backend = backend
        self._hidden_ids = hidden_ids
        self._markers = markers or {}
        self._shown = self._text_that_answer_follows(prompt)
        self._shown_text = self._decode(self._shown)
        self._pending: list[int] = []

    def step(self, token_id: int) -> str:
        """The text that this token completes; "" while a character is incomplete, or for a special token."""
        if token_id in self._markers:
            return self.flush() + self._markers[token_id]
        if token_id in self._hidden_ids:
            return ""
        self._pending.append(token_id)
        text = self._decode(self._shown + self._pending)
        if text.endswith(INCOMPLETE) and len(self._pending) < MOST_PENDING:
            return ""
        return self._show(text)

    def flush(self) -> str:
        """What is left at the end: U+FFFD for a character that was never completed, or ""."""
        return self._show(self._decode(self._shown + self._pending)) if self._pending else ""

    def _show(self, text: str) -> str:
        new = text[len(self._shown_text) :]
        self._shown, self._pending = self._pending, []
        self._shown_text = self._decode(self._shown)
        return new

    def _decode(self, ids: list[int]) -> str:
        return self._backend.decode(ids, skip_special_tokens=False)

    def _text_that_answer_follows(self, prompt: Sequence[int]) -> list[int]:
        """The end of the prompt back to its last special token, if there is more than white space: a prefill."""
        tail: list[int] = []
        for token_id in reversed(prompt[-MOST_PENDING:]):
            if token_id in self._hidden_ids:
                break
            tail.insert(0, token_id)
        return tail if self._decode(tail).strip() else []
