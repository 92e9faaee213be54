"""The prompt cache across restarts: what is found on disk is what would have been computed, and nobody else's."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import mlx.core as mx
import numpy as np
import pytest

from tests.mlx.driving import alone, run, sequence, words
from tests.support.tiny_llama import POISON, write_tiny_llama
from workers.mlx_engine import prompt_cache_fetch, prompt_cache_outbox
from workers.mlx_engine.device import Device, Kind
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.prompt_cache_blocks import BlockCopy, BlockForm
from workers.mlx_engine.prompt_cache_disk import DiskTier
from workers.mlx_engine.prompt_cache_folder import BlockFolder
from workers.mlx_engine.prompt_cache_outbox import Outbox
from workers.mlx_engine.prompt_cache_pieces import KVPiece, LayerStates, Pieces
from workers.mlx_engine.prompt_cache_spill import DiskSpace
from workers.mlx_engine.prompt_cache_tree import Part, Prefix, PrefixTree, pack

ROOMY = 10**8
SYSTEM = words(1, 700)
BLOCK = 256

Engines = Callable[..., MlxEngine]


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Engines]:
    """Makes engines that keep their cache in one folder, one engine at a time."""
    made: list[MlxEngine] = []

    def make(name: str = "model", disk_bytes: int = ROOMY, cache_bytes: int = ROOMY, **model: Any) -> MlxEngine:
        close(made)
        folder = tmp_path / name
        if not folder.exists():
            write_tiny_llama(folder, **model)
        space = DiskSpace(tmp_path / "disk", disk_bytes)
        made.append(MlxEngine(folder, device="cpu", cache_bytes=cache_bytes, cache_disk=space))
        return made[-1]

    yield make
    close(made)


def close(engines: list[MlxEngine]) -> None:
    while engines:
        engines.pop().close()


def blocks(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.glob("disk/*/*.kv"))


def test_a_prefix_is_found_after_a_restart_and_the_answer_is_that_of_a_cold_run(engines: Engines) -> None:
    first = engines()
    asked = [sequence(f"s{i}", SYSTEM + words(i, 10 + i), temperature=i % 2, seed=i) for i in range(3)]
    answers = run(first, asked)
    turns = [sequence(one.id, one.prompt + tuple(answers[one.id]) + words(9, 40)) for one in asked]
    expected = alone(engines(cache_bytes=0, disk_bytes=0), turns)

    assert run(engines(), turns, joins={"s1": 1, "s2": 2}) == expected
    assert turns[0].cache_read_tokens == 2 * BLOCK
    # The others found in memory what the first had computed as well.
    assert [one.cache_read_tokens for one in turns[1:]] == [len(SYSTEM)] * 2
    assert turns[0].cache_written_tokens == len(turns[0].prompt) - 1 - 2 * BLOCK


def test_memory_is_asked_first_and_the_disk_for_what_continues_it(engines: Engines) -> None:
    run(engines(), [sequence("a", SYSTEM)])
    longer = sequence("long", SYSTEM)
    expected = alone(engines(cache_bytes=0), [longer])
    engine = engines()
    brought = sequence("short", SYSTEM[:300])
    run(engine, [brought])

    assert run(engine, [longer]) == expected
    assert (brought.cache_read_tokens, longer.cache_read_tokens) == (BLOCK, 2 * BLOCK)


def test_blocks_are_the_same_whoever_brought_their_tokens_and_in_which_pieces(engines: Engines) -> None:
    engine = engines()
    for length in (100, 300, 520, 700):
        run(engine, [sequence(f"s{length}", SYSTEM[:length] + words(length, 5))])
    again = sequence("again", SYSTEM)
    expected = alone(engines(cache_bytes=0), [again])

    assert run(engines(), [again]) == expected
    assert again.cache_read_tokens == 2 * BLOCK


@pytest.mark.parametrize(
    "change", [{"name": "other"}, {"name": "deeper", "layers": 3}], ids=["the same shape", "another shape"]
)
def test_another_model_finds_nothing(engines: Engines, tmp_path: Path, change: dict[str, Any]) -> None:
    run(engines(), [sequence("a", SYSTEM)])
    (tmp_path / "disk" / "model").rename(tmp_path / "disk" / str(change["name"]))
    one = sequence("a", SYSTEM)
    run(engines(**change), [one])

    assert one.cache_read_tokens == 0


def test_another_tenant_finds_nothing(engines: Engines) -> None:
    run(engines(), [sequence("a", SYSTEM)])
    one = sequence("b", SYSTEM)
    one.salt = "somebody"
    run(engines(), [one])

    assert one.cache_read_tokens == 0


def test_a_damaged_block_ends_the_prefix_and_nothing_else(engines: Engines, tmp_path: Path) -> None:
    run(engines(), [sequence("a", SYSTEM)])
    one = sequence("a", SYSTEM)
    expected = alone(engines(cache_bytes=0), [one])
    damaged = blocks(tmp_path)
    for path in damaged:
        content = bytearray(path.read_bytes())
        content[-5] ^= 1
        path.write_bytes(content)

    assert len(damaged) == 2
    assert run(engines(), [one]) == expected
    assert one.cache_read_tokens == 0


def test_a_poison_prompt_leaves_nothing_on_disk(tmp_path: Path) -> None:
    folder = write_tiny_llama(tmp_path / "poisoned", poisoned=True)
    engine = MlxEngine(folder, device="cpu", cache_bytes=ROOMY, cache_disk=DiskSpace(tmp_path / "disk", ROOMY))
    bad = [*SYSTEM]
    bad[600] = POISON
    run(engine, [sequence("bad", bad)], chunk=64)
    engine.close()

    assert blocks(tmp_path) == []


def test_what_a_failing_sequence_brought_goes_from_the_disk_too(engines: Engines, tmp_path: Path) -> None:
    engine = engines()
    run(engine, [sequence("a", SYSTEM[:300])])
    engine.add(sequence("bad", SYSTEM))
    engine.prefill("bad", 300)
    run(engine, [sequence("good", SYSTEM)])
    while engine.tidy():
        pass
    engine.remove("bad", keep=False)
    engine.close()
    left = blocks(tmp_path)

    assert len(left) == 1
    again = sequence("again", SYSTEM)
    run(engines(), [again])
    assert again.cache_read_tokens == BLOCK


def test_only_what_was_of_use_twice_is_written_while_others_decode(
    engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_cache_outbox, "BUSY_SHARE", 1e6)
    engine = engines()
    run(engine, [sequence("long", words(5, 20), max_tokens=60), sequence("once", words(6, 600), max_tokens=2)])
    once = len(blocks(tmp_path))
    run(engine, [sequence("first", SYSTEM, max_tokens=2)])
    run(engine, [sequence("long", words(5, 20), max_tokens=60), sequence("again", SYSTEM + words(7, 3), max_tokens=2)])
    engine._prompt_cache._spill._disk.close(60)  # type: ignore[union-attr]

    assert (once, len(blocks(tmp_path))) == (0, 2)


def test_while_the_disk_is_slow_others_decode(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    run(engines(), [sequence("a", SYSTEM)])
    engine = engines()
    disk = engine._prompt_cache._spill._disk  # type: ignore[union-attr]
    reads: list[Callable[[], None]] = []
    monkeypatch.setattr(disk, "_reads", SimpleNamespace(put=reads.append))
    monkeypatch.setattr(prompt_cache_fetch, "WAIT_S", 0)
    engine.add(sequence("b", words(3, 20)))
    engine.prefill("b", 64)
    waiting = sequence("a", SYSTEM)
    engine.add(waiting)
    turns = [(engine.prefill("a", 64), len(engine.decode())) for _ in range(5)]
    while reads:
        reads.pop(0)()
        left = engine.prefill("a", 64)
    monkeypatch.undo()

    assert [left for left, _ in turns] == [len(SYSTEM)] * 5
    assert sum(tokens for _, tokens in turns) >= 4
    assert left == len(SYSTEM) - 2 * BLOCK - 64
    assert waiting.cache_read_tokens == 2 * BLOCK


def test_a_small_memory_takes_what_it_can(engines: Engines) -> None:
    run(engines(), [sequence("a", SYSTEM)])
    one = sequence("a", SYSTEM)
    expected = alone(engines(cache_bytes=0), [one])
    engine = engines(cache_bytes=100_000)

    assert run(engine, [one]) == expected
    assert one.cache_read_tokens == BLOCK
    assert engine.cache_bytes <= 100_000


def test_without_a_budget_there_is_no_folder(engines: Engines, tmp_path: Path) -> None:
    run(engines(disk_bytes=0), [sequence("a", SYSTEM)])
    run(engines(cache_bytes=0), [sequence("a", SYSTEM)])

    assert not (tmp_path / "disk").exists()


def test_a_folder_that_can_not_be_made_costs_a_log_line(engines: Engines, tmp_path: Path) -> None:
    (tmp_path / "disk").write_text("a file where the folder should be")
    one = sequence("a", SYSTEM)
    expected = alone(engines(cache_bytes=0), [one])

    assert run(engines(), [one]) == expected


@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16, mx.float16])
def test_a_block_is_the_same_bits_there_and_back(dtype: mx.Dtype) -> None:
    arrays = [mx.random.normal((1, 2, 300, 8)).astype(dtype) for _ in range(4)]
    pieces = [
        KVPiece.of([(arrays[i][:, :, start:stop], arrays[i + 1][:, :, start:stop]) for i in (0, 2)])
        for start, stop in ((0, 100), (100, 300))
    ]
    form = BlockForm.of_arrays([array[:, :, :1] for array in arrays])
    first, second = pieces
    copy = BlockCopy(form, [Part(first, 0, 100), Part(second, 0, 156)])
    slices = []
    while not copy.is_done:
        slices.append(copy.advance(1))
    piece = form.piece(copy.payload, 20, 256)

    assert slices == [2 * BLOCK * 8 * dtype.size] * 4
    back = [array for pair in piece.layers for array in pair]
    expected = [array[:, :, 20:256].view(mx.uint8) for array in arrays]
    assert [np.array(array.view(mx.uint8)).tolist() for array in back] == [np.array(a).tolist() for a in expected]


@pytest.mark.parametrize(
    ("setting", "kind", "expected"),
    [("auto", "cpu", 4 * 10**9), ("auto", "metal", 4 * 10**9), ("auto", "cuda", 0), (5, "cuda", 5), (0, "cpu", 0)],
)
def test_left_to_us_there_is_a_disk_tier_where_reading_is_faster_than_computing(
    setting: int | Literal["auto"], kind: Kind, expected: int
) -> None:
    assert DiskSpace(Path("disk"), setting).budget_on(Device(kind, "", 1)) == expected


def test_copying_beside_decoding_takes_a_fiftieth_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_cache_outbox, "BUSY_BYTES", 1)
    tree: PrefixTree[KVPiece, LayerStates] = PrefixTree(ROOMY, Pieces().split)
    form = BlockForm.of_arrays([mx.zeros((1, 1, 1, 1))] * 20)
    prefix = Prefix("", pack(range(BLOCK)), BLOCK)
    tree.add(prefix, lambda *_: KVPiece.of([(mx.zeros((1, 1, BLOCK, 1)),) * 2] * 10))
    disk = DiskTier(BlockFolder(tmp_path, "model", "m", ROOMY, least_free_bytes=0), form.nbytes)
    # A step every half second, and each slice takes 26 ms.
    times = iter([0, 0.5, 0.526, 1, 1.5, 1.526, 2, 2.5, 3, 3.026])
    outbox = Outbox(tree, disk, form, lambda: next(times))
    outbox.want(prefix, BLOCK)
    copied = [0]
    for _ in range(6):
        outbox.advance(is_idle=False)
        copied.append(outbox.copied_bytes)
    disk.close(60)

    assert np.diff(copied).tolist() == [1024, 0, 1024, 0, 0, 1024]


def test_a_disk_that_hangs_is_given_up(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    run(engines(), [sequence("a", SYSTEM)])
    one = sequence("a", SYSTEM)
    expected = alone(engines(cache_bytes=0), [one])
    engine = engines()
    with monkeypatch.context() as hanging:
        hanging.setattr(engine._prompt_cache._spill._disk, "_reads", SimpleNamespace(put=lambda _: None))  # type: ignore[union-attr]
        hanging.setattr(prompt_cache_fetch, "WAIT_S", 0)
        got = run(engine, [one])

    assert got == expected
    assert one.cache_read_tokens == 0
