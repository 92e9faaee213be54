"""Two tokenizers made on the spot, of the kinds that models have: byte-level, and SentencePiece with byte fallback."""

import json
from collections.abc import Callable
from pathlib import Path

import tokenizers
from tokenizers import decoders, normalizers, pre_tokenizers, trainers

CORPUS = ["the quick brown fox jumps over the lazy dog", "def f(x):\n    return x + 1", "  größer 漢字 "] * 20
CHAT = "{% for m in messages %}<|user|>\n{{ m.content }}<|end|>\n{% endfor %}<|assistant|>\n"


def byte_level() -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def sentencepiece(*, prefix: str) -> tokenizers.Tokenizer:
    """`prefix` "always": a space before each text between control tokens; "first": at the very start only."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁abcdefghijklmnopqrstuvwxyz.,!|<>_"]
    merges = [("t", "h"), ("th", "e"), ("▁", "the"), ("e", "n"), ("▁", "a"), ("▁", "▁")]
    pieces += ["".join(pair) for pair in merges]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    if prefix == "always":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


KINDS: dict[str, Callable[[], tokenizers.Tokenizer]] = {
    "byte-level": byte_level,
    "sentencepiece": lambda: sentencepiece(prefix="always"),
    "metaspace": lambda: sentencepiece(prefix="first"),
}


def save(kind: str, folder: Path) -> tokenizers.Tokenizer:
    """Write a folder that Tokenizer.load takes; return the backend as it is without us.

    Like Phi-3's, `<|user|>` and `<|end|>` swallow white space after them; `<|assistant|>` is not marked special.
    """
    backend = KINDS[kind]()
    backend.add_special_tokens(
        [tokenizers.AddedToken(text, rstrip=True, normalized=False, special=True) for text in ("<|user|>", "<|end|>")]
    )
    backend.add_special_tokens(["</s>"])
    backend.add_tokens([tokenizers.AddedToken("<|assistant|>", normalized=False, special=False)])
    backend.enable_truncation(4)
    backend.save(str(folder / "tokenizer.json"))
    backend.no_truncation()
    (folder / "config.json").write_text(json.dumps({"eos_token_id": [3, 5]}))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 7}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHAT, "eos_token": {"content": "</s>"}}))
    return backend
