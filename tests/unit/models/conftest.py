"""The default model, which `make test` has pulled before."""

from pathlib import Path

import pytest

from models.catalog import DEFAULT
from queue_config.settings import CHECKOUT


@pytest.fixture(scope="session")
def default_model() -> Path:
    return CHECKOUT / "models" / DEFAULT.name
