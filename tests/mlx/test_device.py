"""What MLX may keep of a GPU's memory that is free, and when it gives it back."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from tests.mlx.driving import run, sequence
from tests.support.tiny_llama import write_tiny_llama
from workers.mlx_engine import device
from workers.mlx_engine.engine import MlxEngine


@pytest.mark.parametrize(("info", "kept"), [({"memory_size": 16 << 30}, [1 << 30]), ({}, [])])
def test_a_gpu_s_free_memory_is_left_to_other_programs_but_for_a_part(
    monkeypatch: pytest.MonkeyPatch, info: dict[str, Any], kept: list[int]
) -> None:
    limits: list[int] = []
    monkeypatch.setattr(device, "_gpu", lambda: "cuda")
    monkeypatch.setattr(mx, "set_default_device", lambda _device: None)
    monkeypatch.setattr(mx, "device_info", lambda: info)
    monkeypatch.setattr(mx, "set_cache_limit", limits.append)

    device.choose("auto")

    assert limits == kept


@pytest.mark.parametrize("shares_passes", [True, False])
def test_what_is_free_is_given_back_where_something_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, shares_passes: bool
) -> None:
    engine = MlxEngine(write_tiny_llama(tmp_path / "tiny"), device="cpu")
    given_back: list[bool] = []
    monkeypatch.setattr(mx, "clear_cache", lambda: given_back.append(True))

    def lacking(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    if shares_passes:
        monkeypatch.setattr(engine._batch.shared_pass, "run", lacking)
    else:
        engine._batch.shared_pass = None
        monkeypatch.setattr(mx, "eval", lacking)
    with pytest.raises(RuntimeError, match="out of memory"):
        run(engine, [sequence("a", [1, 2, 3])])

    assert given_back == [True]
