"""Seal: signs thinking as ours, and carries it where the reader is not shown it, so that histories stay complete.

The API's clients return signatures as they came. With thinking left out of an answer, the signature holds it,
compressed; so no server needs to remember it, and the next prompt begins exactly as the last one ended.
"""

import base64
import binascii
import hashlib
import hmac
import zlib
from dataclasses import dataclass

_CARRIES = b"\x01"
"""First byte: version 1, with the text inside."""
_VOUCHES = b"\x02"
"""First byte: version 1, for a text that stands beside it."""
_MAC_BYTES = 16
MAX_TEXT_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Seal:
    """Deterministic: the same key and text give the same signature, in every process."""

    key: bytes

    def sign(self, thinking: str, *, carry: bool) -> str:
        """The signature of a thinking block; with `carry` the text can be had back from it alone."""
        text = thinking.encode()
        if not carry:
            return _encode(_VOUCHES + self._mac(_VOUCHES + text))
        packed = zlib.compress(text)
        return _encode(_CARRIES + self._mac(_CARRIES + packed) + packed)

    def open(self, signature: str) -> str:
        """The text that it carries; "" where it carries none or is not ours, for histories move between servers."""
        try:
            raw = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            return ""
        kind, mac, packed = raw[:1], raw[1 : 1 + _MAC_BYTES], raw[1 + _MAC_BYTES :]
        if kind != _CARRIES or not hmac.compare_digest(mac, self._mac(kind + packed)):
            return ""
        return zlib.decompressobj().decompress(packed, MAX_TEXT_BYTES).decode(errors="replace")

    def vouches_for(self, signature: str, thinking: str) -> bool:
        """Whether we signed exactly this text."""
        return any(hmac.compare_digest(signature, self.sign(thinking, carry=carry)) for carry in (False, True))

    def _mac(self, data: bytes) -> bytes:
        return hmac.digest(self.key, b"pensieve thinking" + data, hashlib.sha256)[:_MAC_BYTES]


UNSIGNED = Seal(b"")
"""Where nobody keeps a key."""


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
