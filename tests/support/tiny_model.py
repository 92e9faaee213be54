"""A two-layer Llama of random weights over a real tokenizer: loads in milliseconds, babbles, and fails when told to."""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HIDDEN, LAYERS, HEADS, KV_HEADS, INTERMEDIATE = 64, 2, 4, 2, 128
CONTEXT_TOKENS = 2048
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")


def make_tiny_model(dest: Path, tokenizer_from: Path) -> Path:
    """Write the model into `dest` with the tokenizer of the model in `tokenizer_from`; always the same numbers."""
    source = json.loads((tokenizer_from / "config.json").read_text())
    dest.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer_from / name, dest / name)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": CONTEXT_TOKENS,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        **{name: source[name] for name in ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id")},
    }
    (dest / "config.json").write_text(json.dumps(config))
    save_file(_weights(source["vocab_size"]), dest / "model.safetensors", metadata={"format": "mlx"})
    return dest


def _weights(vocab_size: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(135)
    kv_size = HIDDEN // HEADS * KV_HEADS
    shapes = {
        "self_attn.q_proj": (HIDDEN, HIDDEN),
        "self_attn.k_proj": (kv_size, HIDDEN),
        "self_attn.v_proj": (kv_size, HIDDEN),
        "self_attn.o_proj": (HIDDEN, HIDDEN),
        "mlp.gate_proj": (INTERMEDIATE, HIDDEN),
        "mlp.up_proj": (INTERMEDIATE, HIDDEN),
        "mlp.down_proj": (HIDDEN, INTERMEDIATE),
    }
    weights = {"model.embed_tokens.weight": random.standard_normal((vocab_size, HIDDEN), dtype=np.float32)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for name, shape in shapes.items():
            # Divided by the root of the fan-in, so that two layers neither fade nor explode.
            weights[f"{prefix}{name}.weight"] = (
                random.standard_normal(shape, dtype=np.float32) / np.float32(shape[1]) ** 0.5
            )
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{prefix}{norm}.weight"] = np.ones(HIDDEN, dtype=np.float32)
    weights["model.norm.weight"] = np.ones(HIDDEN, dtype=np.float32)
    return weights
