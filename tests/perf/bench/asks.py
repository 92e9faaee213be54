"""Ask: one request to measure with, the same for every target; and the texts and settings that asks are made of."""

from dataclasses import dataclass
from itertools import count
from random import Random

from models.conversation import conversation
from models.families import Family
from models.tokenizer import Tokenizer
from queue_config.request import SamplingParams

_WORDS = (
    "river", "stone", "window", "garden", "paper", "morning", "silver", "winter", "mountain", "letter", "bridge",
    "candle", "forest", "market", "island", "thunder", "engine", "violin", "shadow", "harbor", "pepper", "castle",
    "meadow", "lantern", "blanket", "feather", "compass", "orchard",
)  # fmt: skip
ALIKE, UNLIKE = "one setting", "all different"
KINDS = (ALIKE, UNLIKE)
UNEVEN = "one setting, lengths 1 to 4"


@dataclass(frozen=True, slots=True)
class Ask:
    prompt: str
    params: SamplingParams
    system: str = ""

    def tokens(self, family: Family, tokenizer: Tokenizer) -> tuple[int, ...]:
        """The prompt as the services see it."""
        return tuple(tokenizer.encode(family.render(conversation(self.system, [("user", self.prompt)]))))


class Asks:
    """Asks that no one asked before in this run, so that no cache knows more of them than how all begin."""

    def __init__(self) -> None:
        self._numbers = count(10_000)

    def many(self, streams: int, kind: str, max_tokens: int) -> list[Ask]:
        """Prompts of equal lengths in tokens, or nearly; greedy ones, or no two with the same settings."""
        return [Ask(self._story(), _params(row, streams, kind, max_tokens)) for row in range(streams)]

    def about(self, system: str, max_tokens: int = 2) -> Ask:
        """A greedy question after a long text."""
        return Ask(self._story(), SamplingParams(max_tokens=max_tokens, temperature=0), system)

    def _story(self) -> str:
        return f"{next(self._numbers)} is the number of a house. Tell its long story."


def _params(row: int, rows: int, kind: str, max_tokens: int) -> SamplingParams:
    if kind == ALIKE:
        return SamplingParams(max_tokens=max_tokens, temperature=0)
    return SamplingParams(
        max_tokens=max_tokens,
        temperature=round(0.5 + 0.5 * row / rows, 4),
        top_p=(1.0, 0.95, 0.9, 0.8)[row % 4],
        top_k=(0, 50, 200)[row % 3],
        seed=row,
    )


def long_text(seed: int, tokens: int, tokenizer: Tokenizer) -> str:
    """Random words, of about so many tokens, and other ones from the first on for another seed."""
    random = Random(seed)
    sample = " ".join(random.choices(_WORDS, k=500))
    words = round(tokens * 500 / len(tokenizer.encode_text(sample)))
    return " ".join(random.choices(_WORDS, k=words))
