"""A small real model for campaigns where loading and computing count; what is right comes from an undisturbed run."""

import random
from functools import partial
from pathlib import Path

from safetensors.numpy import load_file, save_file

from models.tokenizer import Tokenizer
from queue_config.settings import CHECKOUT
from tests.chaos.clients import Clients
from tests.chaos.ledger import Ledger
from tests.chaos.load import Asked
from tests.chaos.prompts import Prompt, echo
from tests.support.tiny_llama import write_tiny_speaker

TOKENIZER_FROM = CHECKOUT / "models" / "smollm2-135m-instruct"
CONTEXT_TOKENS = 8192
MAX_TOKENS = 400
PROMPTS = 6
WORDS = (10, 40)


def write_model(folder: Path) -> Path:
    """Two random layers with a real tokenizer; its answers never end by themselves."""
    write_tiny_speaker(folder, TOKENIZER_FROM, CONTEXT_TOKENS)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"][sorted(Tokenizer.load(folder).eos_ids)] = 0
    save_file(weights, folder / "model.safetensors", metadata={"format": "mlx"})
    return folder


def _unanswered(text: str, _number: int) -> Prompt:
    return Prompt(text, "")


def undisturbed(url: str) -> Asked:
    """Have each prompt answered once, alone, greedily and by a seed; return what to ask, with those answers."""
    clients = Clients(url, Ledger(), MAX_TOKENS)
    known: dict[tuple[bool, int], Prompt] = {}
    for number in range(PROMPTS):
        text = echo(number, random.Random(number).randint(*WORDS)).text
        for kind in ("wait", "seeded"):
            entry = clients.ledger.open(kind, partial(_unanswered, text))
            clients.run(entry)
            known[kind == "seeded", number] = Prompt(text, entry.text)
    return lambda kind, number: known[kind == "seeded", number % PROMPTS]
