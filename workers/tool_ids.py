"""Ids of tool calls, made of nothing but the request's id, so that a replay after a resume names them the same."""

import hashlib
import string

ALPHABET = string.digits + string.ascii_letters
DIGITS = 24


def tool_id(request_id: str, index: int) -> str:
    """`toolu_` and 24 base-62 characters, for the request's call number `index`."""
    number = int.from_bytes(hashlib.sha256(f"{request_id}/{index}".encode()).digest())
    digits = []
    for _ in range(DIGITS):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "toolu_" + "".join(digits)
