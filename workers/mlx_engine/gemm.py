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

_FEW = 36
"""Rows; with more, copying pays."""
_SMALL = 10**6
"""Multiplications of a product that OpenBLAS has other kernels for; it is built so."""
ALIGNED = 16
"""Outputs that a core's registers hold together."""

_ROW_MAJOR, _AS_IT_IS, _TRANSPOSED = 101, 111, 112


def view(array: Any) -> Floats:
    """An MLX array of float32 as NumPy sees it, in its own buffer; waits until it is computed."""
    floats: Floats = np.array(array, copy=False)
    return floats


def gemm(a: Floats, b: Floats, out: Floats, *, transposed: bool = False) -> None:
    """out (m, n) = a (m, k) times b (k, n), or if that is `transposed` b (n, k); each with rows of adjacent numbers."""
    call = _sgemm()
    if call is None:
        np.matmul(a, b.T if transposed else b, out=out)
        return
    (m, k), n = a.shape, out.shape[1]
    how = _TRANSPOSED if transposed else _AS_IT_IS
    call(
        _ROW_MAJOR, _AS_IT_IS, how, m, n, k, 1.0, a.ctypes.data, _step(a), b.ctypes.data, _step(b),
        0.0, out.ctypes.data, _step(out),
    )  # fmt: skip


def gemm_few(a: Floats, b: Floats, out: Floats) -> None:
    """gemm(..., transposed=True), quicker for few rows of `a`: in products so small that OpenBLAS doesn't copy their
    parts first. With 8 rows that is two thirds of the time, with 16 four fifths, with 32 nine tenths."""
    (m, k), n = a.shape, b.shape[0]
    size = min(2, _SMALL // (m * k * ALIGNED)) * ALIGNED
    count = n // size if size and m <= _FEW and _sgemm_each() is not None else 0
    if count:
        done = count * size
        parts = out[:, :done].reshape(m, count, size).swapaxes(0, 1)
        gemm_each(np.broadcast_to(a, (count, m, k)), b[:done].reshape(count, size, k), parts, transposed=True)
        b, out = b[done:], out[:, done:]
    if len(b):
        gemm(a, b, out, transposed=True)


def gemm_each(a: Floats, b: Floats, out: Floats, *, transposed: bool = False) -> None:
    """The same of each of several, (count, m, k) and so on, in one call."""
    call = _sgemm_each()
    if call is None:
        np.matmul(a, b.swapaxes(-1, -2) if transposed else b, out=out)
        return
    (count, m, k), n = a.shape, out.shape[2]
    how = _TRANSPOSED if transposed else _AS_IT_IS
    a_step, b_step, out_step = ((_step(one[0]), one.strides[0] // 4) for one in (a, b, out))
    call(
        _ROW_MAJOR, _AS_IT_IS, how, m, n, k, 1.0, a.ctypes.data, *a_step, b.ctypes.data, *b_step,
        0.0, out.ctypes.data, *out_step, count,
    )  # fmt: skip


def _step(array: Floats) -> int:
    """From row to row, in numbers; NumPy has any there where there is one row."""
    step: int = max(array.strides[0] // 4, array.shape[1])
    return step


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
    number, real, place = ctypes.c_int, ctypes.c_float, ctypes.c_void_p
    return _found("cblas_sgemm", *[number] * 6, real, place, number, place, number, real, place, number)


@cache
def _sgemm_each() -> Callable[..., Any] | None:
    """OpenBLAS has it, others may not."""
    number, real, place = ctypes.c_int, ctypes.c_float, ctypes.c_void_p
    array = [place, number, number]
    return _found("cblas_sgemm_batch_strided", *[number] * 6, real, *array, *array, real, *array, number)


def _found(name: str, *kinds: type) -> Callable[..., Any] | None:
    try:
        call = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    call.argtypes, call.restype = kinds, None
    found: Callable[..., Any] = call
    return found
