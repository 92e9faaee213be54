"""Closing: brings JSON to its end in time, so that the last token that an answer may have doesn't cut it in two.

Nothing bounds a string, a list or a number in most schemas, and a model at a high temperature may not find their ends.
When few tokens are left, whatever can end is made to: strings first, then lists and objects, as soon as their schema
lets them. What must still come, comes.
"""

from collections.abc import Callable

from workers.constraint_mask import Mask, has, mask_of
from workers.constraint_vocabulary import Vocabulary

_LEAST, _MOST = 32, 256
_CHARACTERS_A_TOKEN = 4


def reserve_tokens(grammar: str, max_tokens: int) -> int:
    """How many tokens before the end to begin: what a grammar spells out may all have to come yet."""
    return min(_LEAST + len(grammar) // _CHARACTERS_A_TOKEN, _MOST, max_tokens // 2)


class Closing:
    """Of one vocabulary. Masks are as in `Constraint.allowed`."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        spelled = vocabulary.spelled
        self._letter = spelled.index(b"a")
        self._ends_string = _those(spelled, lambda text: text[:1] == b'"' and _ends(text[1:]))
        self._ends_value = _those(spelled, lambda text: bool(text) and _ends(text))
        self._opens_nothing = ~_those(spelled, _opens)
        self._ends_answer = vocabulary.ends

    def narrowed(self, mask: Mask, *, is_whole: bool) -> Mask:
        """What of the mask leads to the end; `is_whole` says that the answer could end here."""
        # Where a letter may come, it is a string or free text; where it is free text, the answer is whole.
        in_text = has(mask, self._letter)
        if is_whole:
            return mask if in_text else _first_of(mask & self._ends_answer, mask)
        if in_text:
            return _first_of(mask & self._ends_string, mask)
        return _first_of(mask & self._ends_value, mask & self._opens_nothing, mask)


def _ends(text: bytes) -> bool:
    return not text.strip(b"]}\n")


def _opens(text: bytes) -> bool:
    return text.count(b"{") + text.count(b"[") > text.count(b"}") + text.count(b"]")


def _those(spelled: tuple[bytes, ...], fits: Callable[[bytes], bool]) -> Mask:
    return mask_of([token for token, text in enumerate(spelled) if fits(text)], len(spelled))


def _first_of(*masks: Mask) -> Mask:
    """The first that allows anything; the last if none does."""
    return next((mask for mask in masks[:-1] if mask.any()), masks[-1])
