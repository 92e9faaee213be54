"""mlx_lm.server as its authors ship it, started after the BLAS that our engine gives to MLX."""

import runpy

from workers.mlx_engine.blas import preload

if __name__ == "__main__":
    preload()  # importing its package has done it already; here it says why the import stands
    runpy.run_module("mlx_lm.server", run_name="__main__", alter_sys=True)
