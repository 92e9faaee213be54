"""Fixtures on real MLX: tiny random models, and SmolLM2 as the set-up leaves it in models/."""

from pathlib import Path

import pytest

from queue_config.settings import CHECKOUT
from tests.support.tiny_llama import write_tiny_llama
from workers.mlx_engine.engine import MlxEngine


@pytest.fixture
def tiny(tmp_path: Path) -> MlxEngine:
    return MlxEngine(write_tiny_llama(tmp_path / "tiny"), device="cpu")


@pytest.fixture
def poisoned(tmp_path: Path) -> MlxEngine:
    """An engine whose model computes NaN from the token POISON."""
    return MlxEngine(write_tiny_llama(tmp_path / "poisoned", poisoned=True), device="cpu")


@pytest.fixture(scope="session")
def smollm2_dir() -> Path:
    folder = CHECKOUT / "models" / "smollm2-135m-instruct"
    if not (folder / "model.safetensors").exists():
        pytest.fail(f"no model in {folder}: run `pensieve pull smollm2-135m-instruct` first")
    return folder


@pytest.fixture(scope="session")
def smollm2(smollm2_dir: Path) -> MlxEngine:
    """Shared by all tests, which leave it empty."""
    return MlxEngine(smollm2_dir, device="cpu")
