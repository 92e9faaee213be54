"""Matrix products of NumPy arrays through the BLAS that MLX uses, so that the process has one pool of BLAS threads.

NumPy brings a BLAS of its own. Its idle threads spin, and on a machine of two cores they take those that MLX's products
need: passes in which the two take turns were twice as slow.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_ROW_MAJOR, _AS_IT_IS, _TRANSPOSED = 101, 111, 112


def gemm(a: Floats, b: Floats, out: Floats, *, transposed: bool = False) -> None:
    """out (m, n) = a (m, k) times b (k, n), or if that is `transposed` b (n, k); each with rows of adjacent numbers."""
    call = _sgemm()
    if call is None:
        np.matmul(a, b.T if transposed else b, out=out)
        return
    (m, k), n = a.shape, out.shape[1]
    how = _TRANSPOSED if transposed else _AS_IT_IS
    call(
        _ROW_MAJOR, _AS_IT_IS, how, m, n, k, 1.0, a.ctypes.data, a.strides[0] // 4, b.ctypes.data, b.strides[0] // 4,
        0.0, out.ctypes.data, out.strides[0] // 4,
    )  # fmt: skip


@contextmanager
def one_thread() -> Iterator[None]:
    """In here, products are computed by the thread that asks for them.

    Where a pass waits for each of its layers, the BLAS's other threads have gone to sleep by the next product; on two
    cores waking them takes longer than they save: 32 tokens took 700 ms with two threads, and 350 with one.
    """
    count = _thread_count()
    if count is None:
        yield
        return
    get, put = count
    before = get()
    put(1)
    try:
        yield
    finally:
        put(before)


@cache
def _thread_count() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    try:
        library = ctypes.CDLL(None)
        get, put = library.openblas_get_num_threads, library.openblas_set_num_threads
    except (OSError, AttributeError):
        return None
    return get, put


@cache
def _sgemm() -> Callable[..., Any] | None:
    """Found where the loader finds it for MLX; None where there is none."""
    try:
        call = ctypes.CDLL(None).cblas_sgemm
    except (OSError, AttributeError):
        return None
    number, real, place = ctypes.c_int, ctypes.c_float, ctypes.c_void_p
    call.argtypes = [number] * 6 + [real, place, number, place, number, real, place, number]
    call.restype = None
    return call
