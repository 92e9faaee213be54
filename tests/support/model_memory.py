"""The table of what models need, as docs/MODELS.md has it, by the reckoning that the worker itself admits by.

python -m tests.support.model_memory    # prints it
"""

import sys

from models.catalog import CATALOG, CatalogEntry
from workers.engine import Need
from workers.mlx_engine.device import Device, Kind
from workers.mlx_engine.kv_costs import MlxKVCosts, Scratch
from workers.mlx_engine.kv_costs import budget_bytes as kv_budget_bytes
from workers.mlx_engine.kv_shape import KVShape
from workers.mlx_engine.prompt_cache import budget_bytes as cache_budget_bytes

GB = 1e9
SIZES_GB = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 128, 192, 256, 384, 512)
"""Memories that machines have, or their GPUs."""
MAC_SHARE = 0.67
"""Of a Mac's memory its GPU may have so much; from 64 GB on three quarters."""
CONVERSATION = Need(prefill=8_192 - 512, total=8_192)


def weights_bytes(entry: CatalogEntry, kind: Kind) -> int:
    """In memory: a Mac computes with them as they are, CUDA in bfloat16, CPUs in float32."""
    return {"metal": entry.size_bytes, "cuda": 2 * entry.parameters, "cpu": 4 * entry.parameters}[kind]


def kv_token_bytes(entry: CatalogEntry, kind: Kind) -> int:
    return entry.kv_bytes_per_token * (2 if kind == "cpu" else 1)


def device(kind: Kind, memory_gb: int) -> Device:
    return Device(kind, kind, round(memory_gb * GB * (MAC_SHARE if kind == "metal" else 1)))


def serves(entry: CatalogEntry, on: Device) -> bool:
    """Whether a conversation of 8,192 tokens is admitted beside weights and prompt cache."""
    weights = weights_bytes(entry, on.kind)
    if not on.holds(weights):
        return False
    # Of a model whose config.json isn't here, the scratch is reckoned as a large one's.
    scratch = Scratch.of({"num_hidden_layers": entry.layers}, on)
    budget = kv_budget_bytes(0, on, weights, cache_budget_bytes("auto", on))
    costs = MlxKVCosts(budget, KVShape(kv_token_bytes(entry, on.kind)), scratch, lambda rows: rows)
    return costs.bytes_alone(CONVERSATION) <= budget


def smallest_gb(entry: CatalogEntry, kind: Kind) -> int | None:
    return next((size for size in SIZES_GB if serves(entry, device(kind, size))), None)


def row(entry: CatalogEntry) -> str:
    kinds: tuple[Kind, ...] = ("metal", "cuda", "cpu")
    weights = [f"{weights_bytes(entry, kind) / GB:.1f}" for kind in kinds]
    kv = [f"{1_000 * kv_token_bytes(entry, kind) / 1e6:.0f}" for kind in ("cuda", "cpu")]
    smallest = [f"{smallest_gb(entry, kind) or '-'}" for kind in kinds]
    return f"| `{entry.name}` | {' | '.join([*weights, *kv, *smallest])} |"


def table() -> list[str]:
    """Its rows, without the headings."""
    return [row(entry) for entry in CATALOG]


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")
