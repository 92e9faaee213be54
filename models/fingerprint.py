"""A model's fingerprint for prompts: two machines that share it write the same token ids for the same conversation."""

import hashlib
from pathlib import Path

import orjson

from models.folder import ModelFolder


def prompt_fingerprint(folder: Path) -> str:
    """Of the tokenizer, the chat format and the tokens that end a turn; 16 hexadecimal digits.

    Weights are left out: however they are quantised, they read the same prompts. Raises ModelRefused for broken files.
    """
    content = ModelFolder(folder)
    digest = hashlib.blake2b((folder / "tokenizer.json").read_bytes(), digest_size=8)
    said = [content.chat_template(), content.special_tokens(), sorted(content.eos_ids())]
    digest.update(orjson.dumps(said, option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()
