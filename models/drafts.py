"""Which model may guess for another: a smaller one whose tokens mean the same."""

from pathlib import Path
from typing import Any

from models.catalog import find
from models.errors import ModelRefused
from models.folder import ModelFolder
from models.resolve import ModelSpec, resolve

TOKENIZER = "tokenizer.json"


def suggested_draft(name: str) -> str | None:
    """The name of the draft model that the catalogue has for a model of that name; None if it has none."""
    entry = find(name)
    return entry.draft if entry else None


def draft_for(spec: ModelSpec, name_or_path: str, models_dir: Path) -> ModelSpec:
    """Find a model that is to guess for `spec`. Raises ModelNotFound, or ModelRefused if its tokens are others."""
    draft = resolve(name_or_path, models_dir)
    if not has_same_vocabulary(spec.dir, draft.dir):
        raise ModelRefused(
            f"{draft.name} can't guess for {spec.name}: their tokenizers give the same tokens other ids. "
            "Take a small model of the same family, or set PENSIEVE_DRAFT_MODEL=none"
        )
    return draft


def has_same_vocabulary(one: Path, other: Path) -> bool:
    """Whether both folders' tokenizers have the same texts under the same ids. How they split texts doesn't matter, nor
    that weights may have more rows than there are tokens."""
    if (one / TOKENIZER).is_file() and (one / TOKENIZER).read_bytes() == (other / TOKENIZER).read_bytes():
        return True
    return _texts(one) == _texts(other)


def _texts(folder: Path) -> dict[int, str]:
    """What each token stands for, by id. Raises ModelRefused where that can't be read."""
    content = ModelFolder(folder).json(TOKENIZER)
    vocabulary: Any = content.get("model", {}).get("vocab")
    # SentencePiece's unigram models keep a list of pieces with their scores, the others a table.
    if isinstance(vocabulary, list):
        texts = {place: piece[0] for place, piece in enumerate(vocabulary)}
    elif isinstance(vocabulary, dict):
        texts = {place: text for text, place in vocabulary.items()}
    else:
        raise ModelRefused(
            f"{folder} has no {TOKENIZER} with a vocabulary in it; take a newer conversion of this model"
        )
    return texts | {token["id"]: token["content"] for token in content.get("added_tokens") or []}
