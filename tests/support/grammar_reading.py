"""Reads answers by a grammar: which whole answers fit, and how far one that doesn't gets."""

import llguidance

from tests.support.byte_vocabulary import byte_vocabulary, decode, encode


class Reader:
    """Of one grammar over the byte vocabulary. Special tokens are meant where their names stand in a text."""

    def __init__(self, grammar: str) -> None:
        self._matcher = llguidance.LLMatcher(byte_vocabulary().library, grammar, log_level=0)
        assert not self._matcher.is_error(), self._matcher.get_error()

    def takes(self, text: str) -> bool:
        """The text is a whole answer."""
        matcher = self._matcher.deep_copy()
        tokens = encode(text, special=True)
        return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()

    def must_end_after(self, text: str) -> bool:
        """The text is a whole answer that can't go on."""
        matcher = self._matcher.deep_copy()
        return matcher.consume_tokens(encode(text, special=True)) and matcher.is_stopped()

    def gets_to(self, text: str) -> str:
        """How much of the text some answer begins with, token by token."""
        matcher = self._matcher.deep_copy()
        tokens = encode(text, special=True)
        return decode(tokens[: matcher.try_consume_tokens(tokens)])
