"""Measure what guessing brings to an answer that is computed alone: one that quotes its prompt, and one that doesn't.

    python -m tests.perf.speculation [MODEL_FOLDER] [--gpu] [--tokens 200]

Both engines hold the same weights and are asked in turns. What an answer says is decided beforehand by a constraint of
one token a place, so that the texts are what they are called whatever the model is; drawing and checking go on as ever.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from queue_config.request import SamplingParams
from queue_config.settings import CHECKOUT
from workers.constraint_mask import mask_of
from workers.mlx_engine.engine import MlxEngine
from workers.sequence import Sequence

VOCABULARY = 30_000


class Dictated:
    """An answer that is known."""

    def __init__(self, text: list[int], place: int = 0) -> None:
        self._text = text
        self._place = place

    def restart(self, output: list[int]) -> None:
        self._place = len(output)

    def allowed(self) -> NDArray[np.int32]:
        return mask_of([self._text[self._place]], VOCABULARY)

    def push(self, token: int) -> None:  # noqa: ARG002
        self._place += 1

    def fork(self) -> "Dictated":
        return Dictated(self._text, self._place)


def answer_s(engine: MlxEngine, prompt: list[int], answer: list[int]) -> float:
    """Seconds of its decoding."""
    one = Sequence("one", tuple(prompt), SamplingParams(max_tokens=len(answer), temperature=0.0))
    one.constraint = Dictated([*answer, *answer])
    engine.add(one)
    while engine.prefill("one", engine.prefill_chunk):
        pass
    began_at = time.perf_counter()
    while len(one.output) < len(answer):
        one.output += [sampled.token for sampled in engine.decode()]
    seconds = time.perf_counter() - began_at
    engine.remove("one", keep=False)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=CHECKOUT / "models" / "smollm2-135m-instruct")
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    plain, guessing = (
        MlxEngine(options.model, "gpu" if options.gpu else "cpu", speculate=speculate) for speculate in (False, True)
    )
    random = np.random.default_rng(1)
    prompt = random.integers(100, VOCABULARY, 2 * options.tokens).tolist()
    texts = {
        "quotes its prompt": prompt[: options.tokens],
        "quotes half of it, in pieces": [
            token
            for start in range(0, options.tokens, 20)
            for token in (*prompt[start : start + 10], *random.integers(100, VOCABULARY, 10).tolist())
        ],
        "says nothing twice": random.integers(100, VOCABULARY, options.tokens).tolist(),
    }
    say = Console(soft_wrap=True, highlight=False).print
    for name, text in texts.items():
        for engine in (plain, guessing):
            answer_s(engine, prompt, text[:20])
        pairs = [(answer_s(plain, prompt, text), answer_s(guessing, prompt, text)) for _ in range(options.rounds)]
        say(f"{name}: {median(one / other for one, other in pairs):.2f} times as fast, "
            f"{len(text) / median(one for one, _ in pairs):.1f} tokens a second without")  # fmt: skip


if __name__ == "__main__":
    main()
