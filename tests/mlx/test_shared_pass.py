"""Whatever goes through the model in one pass, decoding rows and parts of prompts, each gets what it gets alone."""

import random
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import pytest

from queue_config.events import Failed, Finished
from tests.mlx.driving import alone, plain_greedy, sequence, words
from tests.support.loop_bench import Bench
from tests.support.scheduling import SteadyPace
from tests.support.tiny_llama import POISON, VOCABULARY, write_tiny_llama
from tests.support.worker import a_request
from workers.engine import Sampled
from workers.mlx_engine.chosen_rows import ChosenRows
from workers.mlx_engine.chunk_attention import ChunkAttention, MlxChunkAttention
from workers.mlx_engine.chunk_attention_cpu import CpuChunkAttention
from workers.mlx_engine.chunk_attention_cuda import CudaChunkAttention
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.kv_rows import KVRows
from workers.mlx_engine.mlx_pass import MlxPass
from workers.mlx_engine.numpy_pass import NumpyPass
from workers.mlx_engine.pass_choice import trial
from workers.mlx_engine.shared_pass import Chunk
from workers.scheduler import Scheduler
from workers.sequence import Sequence

LENGTHS = (3, 90, 17, 140, 1, 64, 33, 250)


def mixed(engine: MlxEngine, sequences: list[Sequence], seed: int) -> dict[str, list[int]]:
    """Drive them through passes of which each takes what chance says of some prompts."""
    chance = random.Random(seed)
    left = {one.id: len(one.prompt) for one in sequences}
    got: dict[str, list[int]] = {one.id: [] for one in sequences}
    for one in sequences:
        engine.add(one)
    while any(len(got[one.id]) < one.sampling.max_tokens for one in sequences):
        room = chance.randrange(128)
        for name in [name for name in left if left[name] and chance.random() < 0.5]:
            tokens = min(room, chance.randrange(1, 60))
            if tokens:
                left[name] = engine.prefill(name, tokens)
                room -= tokens
        for sampled in engine.decode():
            got[sampled.sequence_id].append(sampled.token)
    for one in sequences:
        engine.remove(one.id)
    return got


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("attention", [None, CpuChunkAttention(), MlxChunkAttention(), CudaChunkAttention()])
def test_greedy_tokens_are_those_of_the_bare_model_in_any_mixture(
    tiny: MlxEngine, seed: int, attention: ChunkAttention | None
) -> None:
    """None: in NumPy."""
    model = tiny._loaded.model
    tiny._batch.shared_pass = NumpyPass(model) if attention is None else MlxPass(model, attention)
    prompts = {f"s{i}": words(i, length) for i, length in enumerate(LENGTHS)}
    expected = {name: plain_greedy(model, prompt, 9) for name, prompt in prompts.items()}

    got = mixed(tiny, [sequence(name, prompt, max_tokens=9) for name, prompt in prompts.items()], seed)

    assert got == expected
    assert tiny.decode() == []
    assert tiny.kv_bytes == 0


def test_several_prompts_end_in_one_pass_and_get_their_first_tokens_by_it(tiny: MlxEngine) -> None:
    prompts = [sequence(f"s{i}", words(i, 30)) for i in range(4)]
    expected = alone(tiny, prompts)
    for one in prompts:
        tiny.add(one)
    left = [tiny.prefill(one.id, 30) for one in prompts]
    computed_before = tiny._batch.kv.capacity

    assert (left, computed_before) == ([0] * 4, 0)
    assert tiny.decode() == [Sampled(name, tokens[0]) for name, tokens in expected.items()]


def test_more_than_fits_a_pass_takes_several(tiny: MlxEngine) -> None:
    prompts = [sequence(f"s{i}", words(i, 60)) for i in range(3)]
    expected = alone(tiny, prompts)
    for one in prompts:
        tiny.add(one)
        tiny.prefill(one.id, 60)

    assert tiny._batch.kv.capacity == 2
    assert sorted(tiny.decode(), key=lambda s: s.sequence_id) == [
        Sampled(name, tokens[0]) for name, tokens in expected.items()
    ]


def test_a_prompt_removed_before_its_pass_leaves_nothing(tiny: MlxEngine) -> None:
    expected = alone(tiny, [sequence("a", words(1, 20))])
    for name, seed in (("a", 1), ("b", 2)):
        tiny.add(sequence(name, words(seed, 20)))
        tiny.prefill(name, 20)
    tiny.remove("b")

    assert tiny.decode() == [Sampled("a", expected["a"][0])]


def test_a_nan_in_one_prompt_of_a_pass_reaches_nobody_else(poisoned: MlxEngine) -> None:
    good = [sequence("before", words(1, 20)), sequence("behind", words(2, 20))]
    expected = alone(poisoned, [*good, sequence("running", words(3, 9))])
    poisoned.add(sequence("running", words(3, 9)))
    poisoned.prefill("running", 9)
    got: dict[str, list[int]] = {name: [] for name in ("running", "before", "bad", "behind")}
    for sampled in poisoned.decode():
        got[sampled.sequence_id].append(sampled.token)
    for one in (good[0], sequence("bad", (*words(4, 8), POISON, *words(5, 8))), good[1]):
        poisoned.add(one)
        poisoned.prefill(one.id, 20)
    errors = []
    for _ in range(20):
        for sampled in poisoned.decode():
            got[sampled.sequence_id].append(sampled.token)
            errors += [sampled.sequence_id] if sampled.error else []

    assert got == expected | {"bad": [0]}
    assert errors == ["bad"]


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_prompt_that_makes_a_shared_pass_raise_ends_alone(tiny: MlxEngine, place: int) -> None:
    texts = {"a": "once upon a time", "b": "x", "c": "a long tale " * 20}
    requests = [a_request(name, text, max_tokens=9, temperature=0.0) for name, text in texts.items()]
    whole = Bench(tiny, max_batch=8)
    for request in requests:
        whole.submit(request)
    whole.until_idle()
    shared = tiny._batch.shared_pass
    assert shared is not None
    run = shared.run

    def explode(last: mx.array | None, rows: KVRows, chunks: list[Chunk]) -> mx.array | None:
        logits = run(last, rows, chunks)
        # The second chunk of the bad one: nobody else's prompt has that length, nor with an answer behind it.
        if any(chunk.length == 150 and chunk.ends for chunk in chunks):
            raise RuntimeError("the pass was launched with a bad prompt")
        return logits

    shared.run = explode  # type: ignore[method-assign,assignment]
    bench = Bench(tiny, max_batch=8)
    requests.insert(place, a_request("bad", "y" * 150, max_tokens=9, temperature=0.0))
    for request in requests:
        bench.submit(request)
    bench.until_idle()

    assert {name: bench.text(name) for name in texts} == {name: whole.text(name) for name in texts}
    assert bench.ends["bad"] == Failed("api_error", "The model failed on this request.")
    assert {type(bench.ends[name]) for name in texts} == {Finished}
    assert tiny.kv_bytes == 0


def test_a_pass_that_raises_before_its_step_ends_nobody_but_the_culprit(tmp_path: Path) -> None:
    """It is run early since another prompt wants to go on from what it computes."""
    engine = MlxEngine(write_tiny_llama(tmp_path / "tiny"), device="cpu", cache_bytes=10**8)
    shared = engine._batch.shared_pass
    assert shared is not None
    texts = {"like it": "y" * 66 + "x" * 40, "other": "once upon a time"}
    whole = Bench(engine, max_batch=8)
    for name, text in texts.items():
        whole.submit(a_request(name, text, max_tokens=9, temperature=0.0))
    whole.until_idle()
    run, early = shared.run, []

    def explode(last: mx.array | None, rows: KVRows, chunks: list[Chunk]) -> mx.array | None:
        logits = run(last, rows, chunks)
        if any(chunk.length == 70 for chunk in chunks):
            early.append(last is None)
            raise RuntimeError("the pass was launched with a bad prompt")
        return logits

    shared.run = explode  # type: ignore[method-assign,assignment]
    engine._prompt_cache.shrink(0)
    bench = Bench(engine, scheduler=Scheduler(8, SteadyPace([100]), engine.kv, shares_passes=True))
    bench.submit(a_request("other", texts["other"], max_tokens=9, temperature=0.0))
    bench.turns(2)
    for name, text in (("bad", "y" * 70), ("like it", texts["like it"])):
        bench.submit(a_request(name, text, max_tokens=9, temperature=0.0))
    bench.until_idle()

    assert early[0]
    assert {name: bench.text(name) for name in texts} == {name: whole.text(name) for name in texts}
    assert bench.ends["bad"] == Failed("api_error", "The model failed on this request.")
    assert {type(bench.ends[name]) for name in texts} == {Finished}
    assert engine.kv_bytes == 0


def test_the_trial_finds_an_attention_that_is_wrong(tiny: MlxEngine) -> None:
    class Deaf(MlxChunkAttention):
        def attend(self, queries: mx.array, *rest: object) -> mx.array:
            return super().attend(queries * 0, *rest)  # type: ignore[arg-type]

    model = tiny._loaded.model
    found = trial(model, MlxPass(model, Deaf()))

    assert trial(model, MlxPass(model, MlxChunkAttention())) is None
    assert found is not None
    assert found.startswith("its logits are off by 0.")


def test_a_model_without_a_last_norm_of_a_known_name_is_refused() -> None:
    with pytest.raises(ValueError, match="0 modules that may be its last norm"):
        ChosenRows.of(nn.Sequential(nn.Linear(2, 2), nn.RMSNorm(2)))


def test_the_head_gives_the_chosen_rows_alone_and_all_without_a_choice(tiny: MlxEngine) -> None:
    model = tiny._loaded.model
    head = ChosenRows.of(model)
    tokens = mx.arange(10, 16)[:, None]
    whole = model(tokens)
    with head.only([4, 1]):
        some = model(tokens)

    assert whole.shape == (6, 1, VOCABULARY)
    assert mx.allclose(some, whole[mx.array([4, 1])], rtol=1e-5, atol=1e-5)
    assert ChosenRows.of(model) is head
