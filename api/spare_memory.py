"""Giving freed memory back to the system, where the C library keeps it otherwise."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """After reading a large file in many small pieces: glibc keeps what they took, 24 MB for a small tokenizer."""
    with suppress(AttributeError, OSError):
        # Only glibc has it; others give back by themselves.
        ctypes.CDLL(None).malloc_trim(0)
