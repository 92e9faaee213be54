"""mlx_lm.server as its authors ship it, started after the BLAS that our engine gives to MLX.

It may keep a bounded part of free memory, as our engine does. Without that bound, with three processes on one H100,
cells of the bare loop that had taken 2 s were not finished in 30 s after a while; presumably the device was full, and
weights, which lie in managed memory there, were moved out and in again with each step.
"""

import runpy

from tests.perf.bench.report import CACHE_BYTES
from workers.mlx_engine.blas import preload

# After that, which says what BLAS MLX binds to.
import mlx.core as mx  # isort: skip

if __name__ == "__main__":
    preload()  # importing its package has done it already; here it says why the import stands
    mx.set_cache_limit(CACHE_BYTES)
    runpy.run_module("mlx_lm.server", run_name="__main__", alter_sys=True)
