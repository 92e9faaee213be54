"""What MLX may keep of a GPU's memory that is free."""

from typing import Any

import mlx.core as mx
import pytest

from workers.mlx_engine import device


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
