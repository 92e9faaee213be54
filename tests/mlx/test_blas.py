"""MLX on the Linux CPU computes with OpenBLAS."""

import ctypes
import sys
from pathlib import Path

import pytest

import workers.mlx_engine.device as _mlx_is_loaded  # noqa: F401
from workers.mlx_engine.blas import preload

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="macOS has Accelerate")


class _Symbol(ctypes.Structure):
    _fields_ = (
        ("library", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def _home_of(name: str) -> str:
    """The library that a global symbol of this process is taken from."""
    found = _Symbol()
    process = ctypes.CDLL(None)
    process.dladdr(ctypes.cast(getattr(process, name), ctypes.c_void_p), ctypes.byref(found))
    return Path(found.library.decode()).name


def test_the_matrix_product_that_mlx_binds_to_is_openblas() -> None:
    home = _home_of("cblas_sgemm")

    assert home.startswith("libopenblas")


def test_a_preload_after_mlx_was_imported_says_that_it_is_too_late(caplog: pytest.LogCaptureFixture) -> None:
    loaded = preload()

    assert loaded is None
    assert [record.message for record in caplog.records] == [
        "MLX was imported before workers.mlx_engine: too late to give it OpenBLAS"
    ]
