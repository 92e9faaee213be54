"""A row that makes the real engine's steps raise ends alone; the others' tokens are those that they get without it."""

from pathlib import Path

import pytest

from queue_config.events import Failed, Finished
from queue_config.request import GenerationRequest
from tests.support.loop_bench import Bench
from tests.support.tiny_llama import write_tiny_llama
from tests.support.worker import a_request
from workers.engine import Sampled
from workers.mlx_engine.engine import MlxEngine


class ExplodingEngine(MlxEngine):
    """Raises in the middle of a step, once the row "bad" has got its third token: launched, and nothing read."""

    def decode(self) -> list[Sampled]:
        bad = self._rows.get("bad")
        if bad is not None and bad.position >= 3:
            self._batch._forward(self._batch._last_tokens(self._batch._pending))
            raise RuntimeError("the kernel was launched with a bad row")
        return super().decode()


def the_others() -> list[GenerationRequest]:
    return [
        a_request("greedy", "once upon a time", max_tokens=30, temperature=0.0),
        a_request("warm", "there was", max_tokens=25, temperature=1.0, seed=1),
        a_request("narrow", "a king " * 9, max_tokens=20, temperature=1.0, top_p=0.9, seed=2),
        a_request("short", "x", max_tokens=5, temperature=0.7, top_k=20, seed=3),
    ]


def answers(engine: MlxEngine, requests: list[GenerationRequest]) -> Bench:
    bench = Bench(engine, max_batch=8)
    for request in requests:
        bench.submit(request)
    bench.until_idle()
    return bench


@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_row_that_blows_up_the_step_ends_alone(tmp_path: Path, place: int) -> None:
    folder = write_tiny_llama(tmp_path / "tiny")
    alone = {r.id: answers(MlxEngine(folder, "cpu"), [r]).text(r.id) for r in the_others()}
    requests = the_others()
    requests.insert(place, a_request("bad", "a bad one", max_tokens=30, temperature=0.0))
    engine = ExplodingEngine(folder, "cpu")

    bench = answers(engine, requests)

    assert {name: bench.text(name) for name in alone} == alone
    assert bench.ends["bad"] == Failed("api_error", "The model failed on this request.")
    assert {type(bench.ends[name]) for name in alone} == {Finished}
    assert engine.kv_bytes == 0
