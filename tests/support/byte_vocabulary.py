"""A vocabulary that spells any text byte by byte, with some tokens that straddle what grammars tell apart."""

import re

from workers.constraint_vocabulary import Vocabulary, vocabulary

END, END_TOO, MARKER = "<|end|>", "<|end_too|>", "[CALLS]"
LONGER = ("}}", '"}', '"]}', ' {"', "tool", "_call", ">\n{", "[[", "hello", "</", "\n\n", "null", "think", ">x")
SPELLED = (*(bytes([byte]) for byte in range(256)), *(word.encode() for word in (*LONGER, END, END_TOO, MARKER)))
SPECIAL = {word: SPELLED.index(word.encode()) for word in (END, END_TOO, MARKER)}
EOS_IDS = frozenset({SPECIAL[END], SPECIAL[END_TOO]})
_WORDS = re.compile("|".join(map(re.escape, sorted(LONGER, key=len, reverse=True))).encode() + b"|.", re.DOTALL)
_ALL = re.compile(b"|".join(re.escape(word.encode()) for word in SPECIAL) + b"|" + _WORDS.pattern, re.DOTALL)


def encode(text: str, *, special: bool = False) -> list[int]:
    """The longest tokens from the left; `special`: names of special tokens in it become these."""
    return [SPELLED.index(word) for word in (_ALL if special else _WORDS).findall(text.encode())]


def decode(tokens: list[int]) -> str:
    return b"".join(SPELLED[token] for token in tokens).decode(errors="replace")


def byte_vocabulary() -> Vocabulary:
    return vocabulary(SPELLED, SPECIAL.values(), EOS_IDS, encode)
