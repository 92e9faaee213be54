"""Ids in the shapes that Anthropic's clients know."""

import re
import secrets
import string

_ALPHABET = string.digits + string.ascii_letters
_LENGTH = 24
# Choosing them one by one took a thirtieth of a small request. Some letters come a little more often; nobody minds.
_LETTERS = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))
_MESSAGE_ID = re.compile(r"msg_[0-9A-Za-z]{1,64}")
_BATCH_ID = re.compile(r"msgbatch_[0-9A-Za-z]{1,64}")


def new_message_id() -> str:
    return "msg_" + _random()


def new_request_id() -> str:
    return "req_" + _random()


def new_batch_id() -> str:
    return "msgbatch_" + _random()


def is_message_id(text: str) -> bool:
    """Whether `text` could be one of ours; anything else is unknown without asking Redis."""
    return _MESSAGE_ID.fullmatch(text) is not None


def is_batch_id(text: str) -> bool:
    return _BATCH_ID.fullmatch(text) is not None


def _random() -> str:
    return secrets.token_bytes(_LENGTH).translate(_LETTERS).decode()
