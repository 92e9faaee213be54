"""Random models of a few thousand weights with states that can't be cut: Mamba, and LFM2, which mixes them with KV."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_map
from mlx_lm.models import lfm2, mamba

MAMBA: dict[str, Any] = {
    "model_type": "mamba",
    "vocab_size": 512,
    "hidden_size": 32,
    "intermediate_size": 64,
    "state_size": 4,
    "num_hidden_layers": 2,
    "conv_kernel": 4,
    "use_bias": False,
    "use_conv_bias": True,
    "time_step_rank": 4,
    "tie_word_embeddings": False,
}
LFM2: dict[str, Any] = {
    "model_type": "lfm2",
    "vocab_size": 512,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "norm_eps": 1e-5,
    "conv_bias": False,
    "conv_L_cache": 3,
    "block_dim": 48,
    "block_multiple_of": 8,
    "block_ffn_dim_multiplier": 1.0,
    "block_auto_adjust_ff_dim": False,
    "block_ff_dim": 96,
    "layer_types": ["conv", "full_attention", "conv"],
}


def write_tiny_recurrent(folder: Path, config: dict[str, Any]) -> Path:
    """The same config always gives the same weights."""
    module: Any = {"mamba": mamba, "lfm2": lfm2}[config["model_type"]]
    mx.random.seed(20)
    model = module.Model(module.ModelArgs.from_dict(config))
    # Three times what layers start with: logits far apart, so that rounding doesn't decide which is the largest.
    weights = tree_map(lambda array: array * 3 if array.ndim == 2 else array, model.parameters())
    folder.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(weights)))
    (folder / "config.json").write_text(json.dumps(config))
    return folder
