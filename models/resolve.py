"""From what the user calls a model to the folder it lies in; what can't be served is refused in one clear sentence."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.catalog import find
from models.data_only import require_data_only
from models.errors import ModelNotFound, ModelRefused
from models.families import family_for
from models.folder import ModelFolder

NAME = re.compile(r"[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
INDEX = "model.safetensors.index.json"
OTHER_WEIGHTS = {".gguf": "GGUF", ".bin": "PyTorch", ".pt": "PyTorch", ".pth": "PyTorch", ".npz": "NumPy"}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    name: str
    """What `/v1/models` lists and answers state."""
    dir: Path
    context_tokens: int
    family: str
    weights_bytes: int
    quantization: str | None
    """For people, as "4-bit"; None for full-size weights."""

    def context_within(self, most_tokens: int) -> int:
        """What is served of the context where that is bounded; 0 is no bound."""
        return min(most_tokens or self.context_tokens, self.context_tokens)


def resolve(name_or_path: str, models_dir: Path) -> ModelSpec:
    """Find a model by catalogue name, hub id once pulled, folder, or path of its safetensors file or index.

    Raises ModelNotFound or ModelRefused; their messages say what to do.
    """
    pulled = folder_of(name_or_path, models_dir) if is_name(name_or_path) else None
    if pulled is not None and pulled.is_dir():
        _require_inside(pulled, models_dir)
        return spec_of(pulled, _listed_name(name_or_path))
    path = Path(name_or_path).expanduser()
    if name_or_path and path.exists():
        folder = _folder_of_path(path.resolve())
        return spec_of(folder, folder.name)
    if pulled is not None:
        raise ModelNotFound(f"there is no model {name_or_path} here yet; get it with: pensieve pull {name_or_path}")
    raise ModelNotFound(f"there is no file or folder {name_or_path!r}")


def is_name(text: str) -> bool:
    """Whether this may be a catalogue name or a hub id; such a text never leads out of a folder."""
    return NAME.fullmatch(text) is not None


def folder_of(name: str, models_dir: Path) -> Path:
    """Where a model of this name lies, or would; a hub id's slash becomes two hyphens."""
    entry = find(name)
    return models_dir / (entry.name if entry else name.replace("/", "--"))


def spec_of(folder: Path, name: str) -> ModelSpec:
    """Look a folder over without loading it. Raises ModelRefused if it can't be served."""
    config = ModelFolder(folder).config()
    require_data_only(folder)
    return ModelSpec(
        name=name,
        dir=folder,
        context_tokens=_context_tokens(config, folder),
        family=family_for(folder).name,
        weights_bytes=sum(file.stat().st_size for file in weight_files(folder)),
        quantization=_quantization(config),
    )


def weight_files(folder: Path) -> list[Path]:
    """All of them, sorted; ModelRefused if there are none or if one that the index names is missing."""
    files = sorted(folder.glob("model*.safetensors"))
    weight_map = ModelFolder(folder).json(INDEX).get("weight_map", {})
    if not isinstance(weight_map, dict):
        raise ModelRefused(f"{folder / INDEX} is broken (weight_map is no object); pull the model again")
    named = {folder / str(name) for name in weight_map.values()}
    if missing := sorted(file.name for file in named - set(files)):
        raise ModelRefused(f"{folder} is incomplete: {missing[0]} is missing; pull the model again")
    if files:
        return files
    others = {kind for file in folder.iterdir() if (kind := OTHER_WEIGHTS.get(file.suffix))}
    if others:
        raise ModelRefused(
            f"{folder} holds {' and '.join(sorted(others))} weights only; Pensieve reads safetensors: "
            "pull an MLX conversion of the model, as with: pensieve pull mlx-community/NAME"
        )
    raise ModelRefused(f"{folder} holds no model.safetensors; pull the model again")


def _folder_of_path(path: Path) -> Path:
    if path.is_dir():
        return path
    if path.name != INDEX and path.suffix != ".safetensors":
        raise ModelRefused(f"{path} is no model: give a folder, or the path of a model.safetensors in one")
    return path.parent


def _require_inside(folder: Path, models_dir: Path) -> None:
    """A name means what lies here; whoever keeps a model elsewhere gives its path."""
    target = folder.resolve()
    if not target.is_relative_to(models_dir.resolve()):
        raise ModelRefused(f"{folder} is a link that leads out of {models_dir}; give the path itself: {target}")


def _context_tokens(config: dict[str, Any], folder: Path) -> int:
    text_config = config.get("text_config")
    tokens = config.get("max_position_embeddings")
    if not tokens and isinstance(text_config, dict):
        tokens = text_config.get("max_position_embeddings")
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 1:
        raise ModelRefused(f"{folder}/config.json doesn't state the context length (max_position_embeddings)")
    return tokens


def _quantization(config: dict[str, Any]) -> str | None:
    table = config.get("quantization") or config.get("quantization_config")
    return f"{table['bits']}-bit" if isinstance(table, dict) and "bits" in table else None


def _listed_name(name: str) -> str:
    entry = find(name)
    return entry.name if entry else name
