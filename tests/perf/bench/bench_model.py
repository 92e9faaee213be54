"""The model folder that every target of a run loads: weights in the type that the device computes in, never ending.

The engine unpacks quantised weights at load where the device is faster so; mlx_lm.server doesn't. Unpacked in the
folder, they are the same weights for both. The output rows of tokens that end an answer are zero, so every answer
runs to its max_tokens.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from models.tokenizer import Tokenizer
from workers.mlx_engine.device import choose
from workers.mlx_engine.load import load

# After the engine, which has loaded the BLAS that MLX binds to.
import mlx.core as mx  # isort: skip
from mlx.utils import tree_flatten  # isort: skip

COPIED = ("tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja")
PACKED = "uint32"


def prepare(source: Path, dest: Path) -> Path:
    """Write the folder `dest` and return it."""
    loaded = load(source, choose("auto"))
    weights: dict[str, mx.array] = dict(tree_flatten(loaded.model.parameters()))
    _never_end(weights, sorted(Tokenizer.load(source).eos_ids))
    config: dict[str, Any] = json.loads((source / "config.json").read_text())
    if loaded.compute_type != PACKED:
        config = {name: value for name, value in config.items() if not name.startswith("quantization")}
    dest.mkdir(parents=True)
    for name in COPIED:
        if (source / name).exists():
            shutil.copyfile(source / name, dest / name)
    (dest / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(dest / "model.safetensors"), weights, metadata={"format": "mlx"})
    return dest


def _never_end(weights: dict[str, mx.array], eos_ids: list[int]) -> None:
    """Make these tokens' logits zero, which with a trained model's others is never drawn."""
    # Where input and output share their matrix there is no other one.
    layer = "lm_head" if "lm_head.weight" in weights else "model.embed_tokens"
    packed = [f"{layer}.{part}" for part in ("scales", "biases") if f"{layer}.{part}" in weights]
    for name in packed or [f"{layer}.weight"]:
        weights[name][mx.array(eos_ids)] = 0
