"""A model folder is data: one that holds code, names code, or leads out of itself is refused."""

import re
from pathlib import Path
from typing import Any

from models.errors import ModelRefused
from models.folder import ModelFolder

NAMES_OF_CODE = ("auto_map", "model_file")
"""Fields under which repositories name Python files of theirs for libraries to run."""
CONFIGS = ("config.json", "tokenizer_config.json")
_MODEL_TYPE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HUB_SNAPSHOTS, _HUB_BLOBS = "snapshots", "blobs"


def require_data_only(folder: Path) -> None:
    """Raise ModelRefused, naming the file and what to do, where there is more in it than data. Reads no weights."""
    if any(folder.glob("*.py")):
        raise ModelRefused(
            f"{folder} brings Python code of its own, which Pensieve never runs; pull an MLX conversion of a "
            "model whose architecture is built in"
        )
    content = ModelFolder(folder)
    for name in CONFIGS:
        _refuse_named_code(folder / name, content.json(name))
    model_type = content.json("config.json").get("model_type", "")
    # mlx-lm makes a module's name of it.
    if model_type != "" and not (isinstance(model_type, str) and _MODEL_TYPE.fullmatch(model_type)):
        raise ModelRefused(f"{folder}/config.json: model_type is no name of an architecture; pull the model again")
    for file in folder.iterdir():
        _refuse_way_out(file, folder)


def _refuse_named_code(file: Path, config: dict[str, Any]) -> None:
    named = next((field for field in NAMES_OF_CODE if field in config), None)
    if named is not None:
        raise ModelRefused(
            f"{file} names Python code under `{named}`, which Pensieve never runs. A model that needs it can't be "
            f"served. Where the architecture is built in nothing does: `pensieve pull` leaves `auto_map` out, and so "
            "may you"
        )


def _refuse_way_out(file: Path, folder: Path) -> None:
    """A link may lead elsewhere in the folder, or as the hub's cache has it, to that repository's own blobs."""
    if not file.is_symlink():
        return
    target = file.resolve()
    homes = [folder.resolve()]
    if homes[0].parent.name == _HUB_SNAPSHOTS:
        homes.append(homes[0].parents[1] / _HUB_BLOBS)
    if not any(target.is_relative_to(home) for home in homes):
        raise ModelRefused(f"{file} is a link that leads out of its folder; put the file itself there")
