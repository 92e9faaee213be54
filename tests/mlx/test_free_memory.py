"""When MLX gives back what is free."""

from pathlib import Path

import mlx.core as mx
import pytest

from tests.mlx.driving import run, sequence
from tests.support.tiny_llama import write_tiny_llama
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.free_memory import KEPT_S, FreeMemory


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What MLX was asked for."""
    calls: list[str] = []
    monkeypatch.setattr(mx, "clear_cache", lambda: calls.append("clear"))
    monkeypatch.setattr(mx, "synchronize", lambda: calls.append("wait"))
    return calls


@pytest.mark.parametrize("shares_passes", [True, False])
def test_what_is_free_is_given_back_where_something_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[str], *, shares_passes: bool
) -> None:
    engine = MlxEngine(write_tiny_llama(tmp_path / "tiny"), device="cpu")

    def lacking(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    if shares_passes:
        monkeypatch.setattr(engine._batch.shared_pass, "run", lacking)
    else:
        engine._batch.shared_pass = None
        monkeypatch.setattr(mx, "eval", lacking)
    with pytest.raises(RuntimeError, match="out of memory"):
        run(engine, [sequence("a", [1, 2, 3])])

    assert calls == ["clear"]


def test_what_is_free_is_given_back_once_when_an_engine_has_been_idle_for_a_while(
    tmp_path: Path, calls: list[str]
) -> None:
    at = 100.0
    engine = MlxEngine(write_tiny_llama(tmp_path / "tiny"), device="cpu")
    engine._free_memory = FreeMemory(clock=lambda: at)

    def idle_for(seconds: float) -> list[str]:
        nonlocal at
        calls.clear()
        at += seconds
        assert not engine.tidy()
        return calls.copy()

    assert idle_for(2 * KEPT_S) == []  # it has done nothing yet
    run(engine, [sequence("a", [1, 2, 3])])
    assert idle_for(KEPT_S / 2) == []
    run(engine, [sequence("b", [1, 2, 3])])
    assert idle_for(KEPT_S / 2) == []
    # The order matters: what CUDA keeps of freed memory goes when somebody waits behind that.
    assert idle_for(KEPT_S / 2) == ["clear", "wait"]
    assert idle_for(KEPT_S) == []
