"""The models that lie on this machine, as folders of the models' folder."""

from dataclasses import dataclass
from pathlib import Path

import orjson

from deploy.places import Places
from deploy.running import recall
from deploy.supervisor_client import Supervisor
from models.errors import ModelNotFound, ModelRefused
from models.manifest import FILE, Manifest, sha256
from models.progress import size_bytes
from models.resolve import folder_of, is_name, spec_of
from queue_config.settings import Settings


@dataclass(frozen=True, slots=True)
class LocalModel:
    name: str
    """As `--model` takes it."""
    dir: Path
    disk_bytes: int
    source: str
    """Where it was pulled from; "" where nobody pulled it."""


def local_models(models_dir: Path) -> list[LocalModel]:
    """By name."""
    # Folders of Pensieve's own code lie there too.
    folders = sorted(folder for folder in models_dir.glob("*") if (folder / "config.json").is_file())
    return [_model(folder) for folder in folders]


def find_local(name: str, models_dir: Path) -> LocalModel:
    """Raises ModelNotFound."""
    folder = folder_of(name, models_dir) if is_name(name) else None
    if folder is None or not (folder / "config.json").is_file():
        raise ModelNotFound(f"there is no model {name} here; `pensieve models` lists those that are")
    return _model(folder)


def details(model: LocalModel) -> dict[str, object]:
    """What people and programs want to know of it. Raises ModelRefused for one that can't be served."""
    spec = spec_of(model.dir, model.name)
    return {
        "name": model.name,
        "dir": str(model.dir),
        "family": spec.family,
        "context_tokens": spec.context_tokens,
        "quantization": spec.quantization or "none",
        "weights_bytes": spec.weights_bytes,
        "disk_bytes": model.disk_bytes,
        "source": model.source,
        "revision": _manifest(model.dir).revision,
    }


def damaged(model: LocalModel) -> list[str]:
    """The files that are missing, or not what they were when the model was pulled. Reads all of it.

    Raises ModelRefused where it was not pulled, so that nobody knows what it should be.
    """
    files = _manifest(model.dir).files
    if not files:
        raise ModelRefused(f"{model.name} was not pulled by Pensieve, so there is nothing to compare it with")
    return [
        name
        for name, expected in files.items()
        if not (model.dir / name).is_file() or sha256(model.dir / name) != expected
    ]


def users_of(model: LocalModel, settings: Settings, where: Places) -> bool:
    """Whether the service that runs here has it."""
    running = recall(where)
    if running is None or Supervisor(where).processes() is None:
        return False
    served = Path(running.model)
    return model.dir == (served if served.is_absolute() else folder_of(running.model, settings.models_dir))


def _model(folder: Path) -> LocalModel:
    return LocalModel(folder.name.replace("--", "/", 1), folder, size_bytes(folder), _manifest(folder).source)


def _manifest(folder: Path) -> Manifest:
    try:
        return Manifest(**orjson.loads((folder / FILE).read_bytes()))
    except (OSError, orjson.JSONDecodeError, TypeError):
        return Manifest("", "")
