"""Give MLX's Linux CPU build a fast BLAS: load OpenBLAS so that its symbols win over the bundled reference BLAS.

The reference BLAS does 1.5 GFLOP/s where OpenBLAS does over 100. The loader binds MLX's BLAS calls to the first
library that was loaded with global symbols, so this must happen before the first `import mlx`.
"""

import ctypes
import logging
import sys
import tempfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

log = logging.getLogger(__name__)

_FORTRAN = b"libgfortran.so.5"
_IDLE_SPIN = b"16"
"""Idle OpenBLAS threads spin for two to this power of clock cycles before they sleep (its default is 26).

A thread that spins has used up its share of a busy core by the time there is work for it: with two other busy
processes on two cores a decode step then takes ten times as long as with threads that sleep.
"""


def preload() -> str | None:
    """Load OpenBLAS where MLX's build is the Linux CPU one; return what was loaded, None if there was no need.

    Without OpenBLAS MLX still works, about a hundred times slower, so its absence is logged and not raised.
    """
    mlx_cpu = _installed("mlx-cpu")
    if sys.platform != "linux" or mlx_cpu is None:
        return None
    openblas = _installed("cmeel-openblas")
    library = _file(openblas, "libopenblas.so") if openblas else None
    if library is None:
        log.warning("cmeel-openblas is not installed: MLX falls back to a BLAS about 100 times slower")
        return None
    if "mlx.core" in sys.modules:
        log.warning("MLX was imported before workers.mlx_engine: too late to give it OpenBLAS")
        return None
    try:
        return _load(library, mlx_cpu)
    except OSError as error:
        log.warning("OpenBLAS can't be loaded (%s): MLX falls back to a BLAS about 100 times slower", error)
        return None


def _load(library: Path, mlx_cpu: Distribution) -> str:
    # Read by the library when it is loaded; the operator's own value wins.
    ctypes.CDLL(None).setenv(b"OPENBLAS_THREAD_TIMEOUT", _IDLE_SPIN, 0)
    try:
        openblas = ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except OSError:
        openblas = _load_with_fortran_of(mlx_cpu, library)
    openblas.openblas_get_config.restype = ctypes.c_char_p
    config: bytes = openblas.openblas_get_config()
    return config.decode().strip()


def _load_with_fortran_of(mlx_cpu: Distribution, library: Path) -> ctypes.CDLL:
    """Load OpenBLAS on a machine without libgfortran, lending it the copy inside MLX's own wheel.

    Wheels rename the libraries that they carry, and the loader goes by that inner name, so OpenBLAS's need for
    `libgfortran.so.5` is met only by a copy that bears the original name again. Once loaded, the file may go.
    """
    fortran = _file(mlx_cpu, "libgfortran-")
    if fortran is None:
        raise OSError("no libgfortran on this machine")
    quadmath = _file(mlx_cpu, "libquadmath-")
    if quadmath is not None:
        ctypes.CDLL(str(quadmath))
    renamed = fortran.name.encode()
    with tempfile.TemporaryDirectory(prefix="pensieve-blas-") as folder:
        copy = Path(folder, _FORTRAN.decode())
        copy.write_bytes(fortran.read_bytes().replace(renamed, _FORTRAN.ljust(len(renamed), b"\0")))
        ctypes.CDLL(str(copy))
        return ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _file(package: Distribution, start: str) -> Path | None:
    for path in package.files or ():
        if path.name.startswith(start):
            return Path(str(path.locate()))
    return None
