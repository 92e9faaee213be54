"""Measure what guessing brings to an answer that is computed alone: looked up in its prompt, or by a draft model.

    python -m tests.perf.speculation [MODEL] [--draft MODEL | --layers N] [--gpu] [--tokens 200] [--only WORDS]

MODEL is a folder, or a shape of tests.perf.shapes. `--layers N` takes the model's own first N layers for a draft model.
All engines hold the same weights and are asked in turns. What an answer says is decided beforehand and put in the place
of what is drawn, so that the texts are what they are called whatever the model is; all computing goes on as ever. Texts
for draft models are what these say themselves, but for so many tokens in a hundred.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from queue_config.request import SamplingParams
from queue_config.settings import CHECKOUT
from tests.perf.shapes import SHAPES, write_shape
from workers.mlx_engine.draft_model import DraftSource
from workers.mlx_engine.drafts import Drafts
from workers.mlx_engine.engine import MlxEngine
from workers.mlx_engine.sampler import NOT_FINITE, Draw, Sampler
from workers.sequence import Sequence

# After the engine's package, which has loaded the BLAS that MLX binds to.
import mlx.core as mx  # isort: skip

VOCABULARY = 30_000
AGREEMENTS = (100, 80, 60, 0)
"""Of a hundred tokens, those that are as the draft model would have them."""


class Dictating(Sampler):
    """Draws as ever, and then says what it was told to."""

    def __init__(self, candidates: int) -> None:
        super().__init__(candidates)
        self.text: list[int] = []

    def draw(self, logits: mx.array, table: Any, positions: NDArray[np.uint64], *rest: Any) -> Draw:
        drawn = super().draw(logits, table, positions, *rest)
        said = mx.array([self.text[place] for place in positions.tolist()], drawn.tokens.dtype)
        drawn.tokens = mx.where(drawn.report == NOT_FINITE, drawn.tokens, said)
        drawn.report = drawn.tokens.astype(mx.int32)
        return drawn


class Speaker:
    """An engine that says what it is told to."""

    def __init__(self, engine: MlxEngine) -> None:
        self.engine = engine
        self.sampler = Dictating(engine.info.device.candidates)
        batch = engine._batch
        batch.sampler = self.sampler
        if batch.speculation is not None:
            batch.speculation.sampler = self.sampler

    @property
    def drafts(self) -> Drafts | None:
        return self.engine._drafts

    def answer_s(self, prompt: list[int], text: list[int]) -> float:
        """Seconds of its decoding."""
        self.sampler.text = text
        one = Sequence("one", tuple(prompt), SamplingParams(max_tokens=len(text), temperature=0.0))
        self.engine.add(one)
        while self.engine.prefill("one", self.engine.prefill_chunk):
            pass
        began_at = time.perf_counter()
        while len(one.output) < len(text):
            one.output += [sampled.token for sampled in self.engine.decode()]
        seconds = time.perf_counter() - began_at
        self.engine.remove("one", keep=False)
        return seconds


def first_layers(folder: Path, layers: int, into: Path) -> Path:
    """The same model without its other layers."""
    config = json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": layers}
    weights: dict[str, Any] = {}
    for file in sorted(folder.glob("model*.safetensors")):
        loaded: Any = mx.load(str(file))
        weights |= loaded
    other = [name for name in weights if name.startswith("model.layers.") and int(name.split(".")[2]) >= layers]
    for name in other:
        del weights[name]
    into.mkdir()
    (into / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(into / "model.safetensors"), weights, metadata={"format": "mlx"})
    shutil.copyfile(folder / "tokenizer.json", into / "tokenizer.json")
    return into


def said_by(drafts: Drafts, prompt: list[int], tokens: int, agreement: int) -> list[int]:
    """What the draft model goes on with, and in between something else."""
    random = np.random.default_rng(agreement)
    caches = drafts.draft.new_caches()
    text: list[int] = []
    fed = prompt
    while len(text) < tokens:
        logits = drafts.draft.model(mx.array([fed], mx.uint32), cache=caches)[0, -1, :VOCABULARY]
        agrees = random.integers(100) < agreement
        fed = [int(np.array(mx.argmax(logits))) if agrees else int(random.integers(100, VOCABULARY))]
        text += fed
    return text


def texts(prompt: list[int], tokens: int, drafts: Drafts | None) -> Iterator[tuple[str, Callable[[], list[int]]]]:
    """What answers say, by what they do."""
    random = np.random.default_rng(2)
    pieces = [
        token
        for start in range(0, tokens, 20)
        for token in (*prompt[start : start + 10], *random.integers(100, VOCABULARY, 10).tolist())
    ]
    yield "quotes its prompt", lambda: prompt[:tokens]
    yield "quotes half of it, in pieces", lambda: pieces[:tokens]
    yield "says nothing twice", random.integers(100, VOCABULARY, tokens).tolist
    if drafts is not None:
        for agreement in AGREEMENTS:
            yield (
                f"agrees with the draft model {agreement} times in 100",
                partial(said_by, drafts, prompt, tokens, agreement),
            )


def speakers(options: argparse.Namespace) -> tuple[Speaker, Speaker]:
    """One that guesses nothing, and one that does."""
    with tempfile.TemporaryDirectory() as scratch:

        def found(name: str) -> Path:
            return write_shape(Path(scratch) / name, name) if name in SHAPES else Path(name)

        model = found(options.model)
        by: bool | DraftSource = True
        if options.layers:
            by = DraftSource(first_layers(model, options.layers, Path(scratch) / "first-layers"))
        elif options.draft:
            by = DraftSource(found(options.draft))
        plain, guessing = (
            Speaker(MlxEngine(model, "gpu" if options.gpu else "cpu", speculate=speculate)) for speculate in (False, by)
        )
    if isinstance(by, DraftSource) and guessing.drafts is None:
        raise SystemExit("no use as a draft model: the log says why")
    return plain, guessing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=str(CHECKOUT / "models" / "smollm2-135m-instruct"))
    parser.add_argument("--draft")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--only", default="", metavar="WORDS", help="leave out texts whose names don't have this in them"
    )
    options = parser.parse_args()
    say = Console(soft_wrap=True, highlight=False).print
    prompt = np.random.default_rng(1).integers(100, VOCABULARY, 2 * options.tokens).tolist()
    plain, guessing = speakers(options)
    if guessing.drafts is not None:
        times = guessing.drafts.draft.times
        say(f"a step takes {times.checks[0] * 1000:.1f} ms, a guess {times.guess * 1000:.1f}, checks "
            + ", ".join(f"{size}: {seconds * 1000:.1f}" for size, seconds in times.checks.items() if size))  # fmt: skip
    for name, make in texts(prompt, options.tokens, guessing.drafts):
        if options.only not in name:
            continue
        text = make()
        for speaker in (plain, guessing):
            speaker.answer_s(prompt, text[:20])
        pairs = [(plain.answer_s(prompt, text), guessing.answer_s(prompt, text)) for _ in range(options.rounds)]
        say(f"{name}: {median(one / other for one, other in pairs):.2f} times as fast, "
            f"{len(text) / median(one for one, _ in pairs):.1f} tokens a second without")  # fmt: skip


if __name__ == "__main__":
    main()
