"""Pull a model from the Hugging Face hub: its safetensors and JSON files at one commit, and nothing that could run."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from models.data_only import CONFIGS
from models.errors import ModelError, ModelNotFound, ModelRefused, PullFailed
from models.manifest import Manifest
from models.progress import LOOK_EVERY_S, Progress, size_bytes

WANTED = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model")
"""Data only. No code, no pickles; and nothing from sub-folders, where other formats lie."""


def pull_from_hub(
    repo: str, revision: str | None, folder: Path, progress: Progress, endpoint: str | None = None
) -> Manifest:
    """Fill `folder`, which exists and may hold the start of an earlier try.

    `endpoint` is another hub's URL. Raises PullFailed, ModelNotFound or ModelRefused.
    """
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415 - slow to import, rarely needed
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError  # noqa: PLC0415

    try:
        info = HfApi(endpoint=endpoint).model_info(repo, revision=revision, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or () if _is_wanted(Path(file.rfilename))}
        _refuse_unfit(repo, sizes)
        commit = str(info.sha)
        with _watched(folder, sum(sizes.values()), f"downloading {repo}", progress):
            snapshot_download(repo, revision=commit, local_dir=folder, allow_patterns=list(sizes), endpoint=endpoint)
    except ModelError:
        raise
    except GatedRepoError as error:
        raise PullFailed(
            f"{repo} asks for its licence to be accepted: do so on huggingface.co/{repo}, then: hf auth login"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelNotFound(f"the hub has no model {repo}, or it is private; look at its spelling") from error
    except Exception as error:
        # The hub's client lets the errors of several libraries through; all mean that the download failed.
        raise PullFailed(f"{repo} could not be downloaded ({error}); is huggingface.co within reach?") from error
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    _leave_code_behind(folder)
    return Manifest(source=f"hub:{repo}", revision=commit)


def _is_wanted(file: Path) -> bool:
    return len(file.parts) == 1 and any(file.match(pattern) for pattern in WANTED)


def _refuse_unfit(repo: str, sizes: dict[str, int]) -> None:
    """Before gigabytes come over the line."""
    if not any(name.endswith(".safetensors") for name in sizes):
        raise ModelRefused(f"{repo} has no safetensors; look for an MLX conversion: mlx-community/...")
    if "tokenizer.json" not in sizes:
        raise ModelRefused(f"{repo} has no tokenizer.json; look for a newer conversion")


def _leave_code_behind(folder: Path) -> None:
    """`auto_map` names files that were not pulled, to libraries that we don't use: Phi-3's has it, and needs it not."""
    for file in (folder / name for name in CONFIGS):
        # What is no JSON object is refused with the folder.
        if file.is_file() and b'"auto_map"' in (content := file.read_bytes()):
            with suppress(ValueError, AttributeError):
                config = json.loads(content)
                config.pop("auto_map", None)
                file.write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding="utf-8")


@contextmanager
def _watched(folder: Path, total_bytes: int, what: str, progress: Progress) -> Iterator[None]:
    """Tell progress from a thread meanwhile, so that Ctrl-C reaches the download itself."""
    stop = Event()

    def watch() -> None:
        while not stop.wait(LOOK_EVERY_S):
            progress(min(size_bytes(folder), total_bytes), total_bytes, what)

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    progress(total_bytes, total_bytes, what)
