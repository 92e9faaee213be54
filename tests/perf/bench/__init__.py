"""`python -m tests.perf.bench`: one run that compares the bare loop, the engine, Pensieve and mlx_lm.server."""
