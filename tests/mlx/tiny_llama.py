"""Random Llamas of a few thousand weights, written as model folders: they load in milliseconds and never agree."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

VOCABULARY, HIDDEN, HEADS, KV_HEADS, INTERMEDIATE = 512, 48, 6, 2, 96
POISON = 7
"""The token whose embedding is NaN in a poisoned model."""


def write_tiny_llama(folder: Path, *, layers: int = 2, poisoned: bool = False, **config: Any) -> Path:
    """`config` goes into config.json; the same arguments always give the same weights."""
    weights = _weights(layers)
    if poisoned:
        weights["model.embed_tokens.weight"][POISON] = np.nan
    shape = {
        "model_type": "llama",
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "num_hidden_layers": layers,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "intermediate_size": INTERMEDIATE,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(shape | config))
    save_file(weights, folder / "model.safetensors")
    return folder


def _weights(layers: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(20)
    kv_width = HIDDEN // HEADS * KV_HEADS

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.standard_normal((rows, columns), dtype=np.float32) / np.float32(columns) ** 0.5

    weights = {
        "model.embed_tokens.weight": matrix(VOCABULARY, HIDDEN) * 7,
        "model.norm.weight": np.ones(HIDDEN, np.float32),
        # Logits far apart, so that rounding doesn't decide which is the largest.
        "lm_head.weight": matrix(VOCABULARY, HIDDEN) * 4,
    }
    for layer in range(layers):
        name = f"model.layers.{layer}."
        weights |= {
            f"{name}self_attn.q_proj.weight": matrix(HIDDEN, HIDDEN),
            f"{name}self_attn.k_proj.weight": matrix(kv_width, HIDDEN),
            f"{name}self_attn.v_proj.weight": matrix(kv_width, HIDDEN),
            f"{name}self_attn.o_proj.weight": matrix(HIDDEN, HIDDEN),
            f"{name}mlp.gate_proj.weight": matrix(INTERMEDIATE, HIDDEN),
            f"{name}mlp.up_proj.weight": matrix(INTERMEDIATE, HIDDEN),
            f"{name}mlp.down_proj.weight": matrix(HIDDEN, INTERMEDIATE),
            f"{name}input_layernorm.weight": np.ones(HIDDEN, np.float32),
            f"{name}post_attention_layernorm.weight": np.ones(HIDDEN, np.float32),
        }
    return weights
