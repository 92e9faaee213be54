"""A GGUF's tokenizer as a Hugging Face tokenizer.json: byte-level BPE that splits every digit off ("smollm")."""

from collections.abc import Mapping
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from models.errors import ModelRefused

CONTROL, USER_DEFINED = 3, 4
"""Token types of GGUF: one that only templates write, and one that is matched in text too."""


def tokenizer_from_gguf(metadata: Mapping[str, Any]) -> Tokenizer:
    """Build it from the `tokenizer.ggml.*` fields; ModelRefused for another kind of tokenizer."""
    kind = (metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre"))
    if kind != ("gpt2", "smollm"):
        raise ModelRefused(f"its tokenizer is {kind[0]}/{kind[1]}; Pensieve converts gpt2/smollm only")
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    merges = [_pair(merge) for merge in metadata["tokenizer.ggml.merges"]]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    added = zip(tokens, metadata["tokenizer.ggml.token_type"], strict=True)
    tokenizer.add_tokens(
        [
            AddedToken(token, normalized=False, special=token_type == CONTROL)
            for token, token_type in added
            if token_type in {CONTROL, USER_DEFINED}
        ]
    )
    return tokenizer


def tokenizer_config(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The tokenizer_config.json that goes with it: names of the special tokens and the chat template."""
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    names = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
    ids = {name: metadata.get(f"tokenizer.ggml.{key}_token_id") for name, key in names.items()}
    return {
        # The class that takes tokenizer.json as it stands; a model's own class may rebuild it differently.
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{name: tokens[token_id] for name, token_id in ids.items() if token_id is not None},
        "add_bos_token": bool(metadata.get("tokenizer.ggml.add_bos_token", False)),
        "clean_up_tokenization_spaces": False,
        "chat_template": metadata["tokenizer.chat_template"],
    }


def _pair(merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    return left, right
