"""Tests on real MLX, on the CPU. The import comes before any of MLX, so that all of them compute with OpenBLAS."""

import workers.mlx_engine  # noqa: F401
