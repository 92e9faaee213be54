"""MLX and nothing but: the Engine on mlx-lm's models. Importing this package loads the BLAS that MLX will bind to."""

from workers.mlx_engine.blas import preload

# The one thing done at import: it has to come before `import mlx`, which every module of this package does.
preload()
