"""Which model a service starts with: found, or fetched if it is the default."""

from pathlib import Path

from deploy.progress import Progress
from models.errors import ModelNotFound
from models.pull import pull
from models.resolve import ModelSpec, resolve
from models.weights_header import check_weights
from queue_config.settings import Settings

MB = 1_000_000


def settled(model: str) -> str:
    """A path made absolute, since the processes run in another folder; a name as it is."""
    path = Path(model).expanduser()
    return str(path.absolute()) if path.exists() else model


def require_model(settings: Settings, progress: Progress) -> ModelSpec:
    """The model that the settings name; the default one is pulled if missing, so that a first start needs no step
    by hand. Raise ModelError, saying what to do, where there is none that can be loaded.
    """
    spec = _found(settings, progress)
    # The worker looks again; here somebody reads what is wrong.
    check_weights(spec.dir)
    return spec


def _found(settings: Settings, progress: Progress) -> ModelSpec:
    try:
        return resolve(settings.model, settings.models_dir)
    except ModelNotFound:
        if settings.model != Settings().model:
            raise
    fetch(settings.model, settings.models_dir, progress)
    return resolve(settings.model, settings.models_dir)


def fetch(name: str, models_dir: Path, progress: Progress) -> Path:
    """Pull a model, telling how far it is; return its folder."""
    with progress.step(f"getting the model {name}") as tick:
        return pull(name, models_dir, lambda done, total, what: tick(what, amount(done, total)))


def amount(done_bytes: int, total_bytes: int | None) -> str:
    if total_bytes is None:
        return f"{done_bytes / MB:.0f} MB" if done_bytes >= MB else ""
    if total_bytes < MB:
        return f"{100 * done_bytes // max(1, total_bytes)} %"
    return f"{done_bytes / MB:.0f} of {total_bytes / MB:.0f} MB"
