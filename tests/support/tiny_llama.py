"""Random Llamas of two small layers, written as model folders: they load in milliseconds and never agree."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

VOCABULARY, HIDDEN, HEADS, KV_HEADS, INTERMEDIATE = 512, 48, 6, 2, 96
POISON = 7
"""The token whose embedding is NaN in a poisoned model."""
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")
SPECIAL_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")
SPEAKER_HEADS = {"num_attention_heads": 2, "num_key_value_heads": 1}
"""Few, since the time of a long prompt goes into as many square matrices of weights."""
ENDING = 2.6
"""So much larger than others, the end's row of the head wins about one step in twenty over 49,000 words."""


def write_tiny_llama(folder: Path, *, layers: int = 2, poisoned: bool = False, **config: Any) -> Path:
    """Without a tokenizer. `config` goes into config.json; the same arguments always give the same weights."""
    weights = _weights(layers, VOCABULARY, HIDDEN // HEADS * KV_HEADS)
    if poisoned:
        weights["model.embed_tokens.weight"][POISON] = np.nan
    return _write(folder, weights, {"vocab_size": VOCABULARY, "num_hidden_layers": layers} | config)


def write_tiny_speaker(folder: Path, tokenizer_from: Path, context_tokens: int) -> Path:
    """With the tokenizer and prompt format of another model: it babbles that model's words, and comes to an end."""
    source = json.loads((tokenizer_from / "config.json").read_text())
    weights = _weights(2, source["vocab_size"], HIDDEN // 2)
    weights["lm_head.weight"][source["eos_token_id"]] *= ENDING
    named = {name: source[name] for name in ("vocab_size", *SPECIAL_IDS)}
    shape = {"num_hidden_layers": 2, "max_position_embeddings": context_tokens, **SPEAKER_HEADS}
    _write(folder, weights, shape | named)
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer_from / name, folder / name)
    return folder


def _write(folder: Path, weights: dict[str, np.ndarray], config: dict[str, Any]) -> Path:
    shape = {
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "intermediate_size": INTERMEDIATE,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(shape | config))
    save_file(weights, folder / "model.safetensors", metadata={"format": "mlx"})
    return folder


def _weights(layers: int, vocabulary: int, kv_width: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(20)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.standard_normal((rows, columns), dtype=np.float32) / np.float32(columns) ** 0.5

    weights = {
        "model.embed_tokens.weight": matrix(vocabulary, HIDDEN) * 7,
        "model.norm.weight": np.ones(HIDDEN, np.float32),
        # Logits far apart, so that rounding doesn't decide which is the largest.
        "lm_head.weight": matrix(vocabulary, HIDDEN) * 4,
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
