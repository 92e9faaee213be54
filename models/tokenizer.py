"""Tokenizer: prompts to token ids, without ever taking a user's text for a control token."""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson
import tokenizers

from models.detokenizer import Detokenizer
from models.errors import ModelRefused, PromptRejected
from models.folder import ModelFolder
from models.prompt import Segment

ENDS = ("<|im_end|>", "<|end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|endoftext|>", "</s>")
"""Tokens that end a turn wherever they exist: older conversions lack the file that lists them."""

Backend = tokenizers.Tokenizer
Matching = tuple[bool, bool, bool, bool]


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Made by `load`. Threads may share it: nothing changes after that."""

    backend: Backend
    eos_ids: frozenset[int]
    """Any of these ends the answer."""
    vocab_size: int
    hidden_ids: frozenset[int]
    """Special tokens: they never show in an answer's text."""
    special: dict[str, int]
    """The same tokens' ids, by how they are spelled."""
    control_tokens: re.Pattern[str]
    stand_ins: dict[str, tuple[str, int]]
    """For each control token: the word that stands for it in a text to encode, and its id."""
    stand_in_ids: frozenset[int]
    opening: tuple[int, ...] = ()
    """What stands before every text that the model has read; chat formats write it out."""

    @classmethod
    def load(cls, model_dir: Path) -> Self:
        """Read tokenizer.json and its companions. Raises ModelRefused if they are missing or broken."""
        folder = ModelFolder(model_dir)
        content = folder.json("tokenizer.json")
        if not content:
            raise ModelRefused(f"{model_dir} has no tokenizer.json; take a newer conversion of this model")
        added: list[dict[str, Any]] = content.get("added_tokens") or []
        hidden = frozenset(token["id"] for token in added if token["special"])
        template = folder.chat_template() or ""
        for token in added:
            # Some models leave role markers unmarked; whatever the chat format writes, users mustn't.
            token["special"] = token["special"] or token["content"] in template
        backend = _backend(content, model_dir)
        vocab_size = backend.get_vocab_size()
        control = {token["content"]: token for token in added if token["special"]}
        words = _add_stand_ins(backend, {_matching(token) for token in control.values()})
        return cls(
            backend=backend,
            eos_ids=_eos_ids(folder, backend),
            vocab_size=vocab_size,
            hidden_ids=hidden,
            special={token["content"]: token["id"] for token in added if token["id"] in hidden},
            control_tokens=_any_of(control),
            stand_ins={text: (words[_matching(token)], token["id"]) for text, token in control.items()},
            stand_in_ids=_ids(backend, words.values()),
            opening=_opening(folder, backend),
        )

    def encode(self, segments: Sequence[Segment]) -> list[int]:
        """Token ids: for harmless texts, those of the rendered prompt as a whole.

        Raises PromptRejected for text that is no Unicode (a lone surrogate).
        """
        pieces: list[str] = []
        ids: list[int] = []
        for segment in segments:
            if isinstance(segment, str):
                pieces.append(segment)
                continue
            for index, piece in enumerate(self.control_tokens.split(segment.text)):
                if index % 2:
                    piece, token_id = self.stand_ins[piece]  # noqa: PLW2901 - what was split off is replaced
                    ids.append(token_id)
                pieces.append(piece)
        encoded = self.backend.encode(_valid("".join(pieces)), add_special_tokens=False).ids
        control = iter(ids)
        return [next(control) if token_id in self.stand_in_ids else token_id for token_id in encoded]

    def encode_text(self, text: str) -> list[int]:
        """The ids of somebody's text alone."""
        return self.encode([text])

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer, special tokens left out."""
        return self.backend.decode([i for i in ids if i not in self.hidden_ids], skip_special_tokens=False)

    def decoder(self, prompt: Sequence[int] = (), markers: Iterable[str] = ()) -> Detokenizer:
        """A detokeniser for one answer; `prompt` tells it whether the answer goes on from a prefill.

        Those `markers` that are special tokens show in its text.
        """
        shown = {self.special[text]: text for text in markers if text in self.special}
        return Detokenizer(self.backend, self.hidden_ids, prompt, shown)


def _backend(content: dict[str, Any], model_dir: Path) -> Backend:
    try:
        backend = tokenizers.Tokenizer.from_buffer(orjson.dumps(content))
    except Exception as error:
        raise ModelRefused(f"{model_dir}/tokenizer.json can't be read: {error}") from error
    # Set once, here: with it the backend takes no special token out of a text, so only stand-ins become them.
    backend.encode_special_tokens = True
    backend.no_truncation()
    backend.no_padding()
    return backend


def _add_stand_ins(backend: Backend, kinds: set[Matching]) -> dict[Matching, str]:
    """One secret word for each way in which control tokens treat the white space around them.

    Encoding a prompt whole, with such words where control tokens belong, gives each text the same neighbours as
    in the model's training: prefix spaces and stripped newlines fall where they should.
    """
    secret = secrets.token_hex(16)
    words = {kind: f"{secret}{index}z" for index, kind in enumerate(sorted(kinds))}
    backend.add_tokens(
        [
            tokenizers.AddedToken(
                word, lstrip=lstrip, rstrip=rstrip, normalized=normalized, single_word=single, special=False
            )
            for (lstrip, rstrip, normalized, single), word in words.items()
        ]
    )
    return words


def _matching(token: dict[str, Any]) -> Matching:
    return token["lstrip"], token["rstrip"], token["normalized"], token["single_word"]


def _any_of(texts: dict[str, Any]) -> re.Pattern[str]:
    longest_first = sorted(texts, key=len, reverse=True)
    # Without any control token the pattern must match nothing, not the empty string.
    return re.compile(f"({'|'.join(map(re.escape, longest_first))})" if texts else r"(?!)()")


def _valid(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PromptRejected("the text holds half of a surrogate pair, which is no character") from error
    return text


def _opening(folder: ModelFolder, backend: Backend) -> tuple[int, ...]:
    bos = backend.token_to_id(folder.special_tokens().get("bos_token", ""))
    # Many models name such a token and were never trained with it; the tokenizer's own rules know.
    return tuple(token for token in backend.encode("").ids[:1] if token == bos)


def _eos_ids(folder: ModelFolder, backend: Backend) -> frozenset[int]:
    return folder.eos_ids() | _ids(backend, [folder.special_tokens().get("eos_token", ""), *ENDS])


def _ids(backend: Backend, texts: Iterable[str]) -> frozenset[int]:
    found = (backend.token_to_id(text) for text in texts)
    return frozenset(token_id for token_id in found if token_id is not None)
