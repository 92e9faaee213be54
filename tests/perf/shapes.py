"""Model folders of random weights in the shapes of well-known models, for machines that can fetch no model.

How fast a model runs does not depend on what its weights are. The tokenizer is made here too: a token for each byte,
and fillers up to the vocabulary's size, so that every id that such a model babbles has a text.
"""

import json
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, decoders, pre_tokenizers
from tokenizers.models import BPE

from workers.mlx_engine.device import choose

# After the engine's package, which has loaded the BLAS that MLX binds to.
import mlx.core as mx  # isort: skip
from mlx.utils import tree_flatten  # isort: skip
from mlx_lm.utils import _get_classes  # isort: skip

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' "
    "+ '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SHAPES: dict[str, dict[str, Any]] = {
    "phi-3-mini-shape": {
        "model_type": "phi3", "hidden_size": 3072, "num_hidden_layers": 32, "intermediate_size": 8192,
        "num_attention_heads": 32, "num_key_value_heads": 32, "rms_norm_eps": 1e-5, "vocab_size": 32064,
        "rope_theta": 10000.0, "max_position_embeddings": 16384,
    },
    "llama-3.1-8b-shape": {
        "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 14336,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "rms_norm_eps": 1e-5,
        "vocab_size": 128256, "rope_theta": 500000.0, "tie_word_embeddings": False,
        "max_position_embeddings": 16384,
    },
    "llama-3.2-1b-shape": {
        "model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 16, "intermediate_size": 8192,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "rms_norm_eps": 1e-5,
        "vocab_size": 128256, "rope_theta": 500000.0, "tie_word_embeddings": True,
        "max_position_embeddings": 16384,
    },
    "smollm2-135m-shape": {
        "model_type": "llama", "hidden_size": 576, "num_hidden_layers": 30, "intermediate_size": 1536,
        "num_attention_heads": 9, "num_key_value_heads": 3, "rms_norm_eps": 1e-5, "vocab_size": 49152,
        "rope_theta": 100000.0, "tie_word_embeddings": True, "max_position_embeddings": 8192,
    },
}  # fmt: skip


def write_shape(folder: Path, shape: str, **changes: Any) -> Path:
    """Write a model folder of that shape, in the type that this machine's device computes in; return it.

    `changes` go into its config.json, a smaller number of layers for example.
    """
    config = SHAPES[shape] | {"bos_token_id": 1, "eos_token_id": 2} | changes
    device = choose("auto")
    model_class, args_class = _get_classes(config)
    model = model_class(args_class.from_dict(config))
    model.set_dtype(device.dense_type or mx.bfloat16)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(
        str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())), metadata={"format": "mlx"}
    )
    _write_tokenizer(folder, config["vocab_size"])
    return folder


def _write_tokenizer(folder: Path, vocab_size: int) -> None:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    plain = [*letters, *(f"Ġw{n}" for n in range(vocab_size - len(SPECIAL) - len(letters)))]
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *plain])}
    tokenizer = tokenizers.Tokenizer(BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    bos, eos = "<|im_start|>", "<|im_end|>"
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": bos, "eos_token": eos, "unk_token": SPECIAL[0],
        "pad_token": eos, "add_bos_token": False, "clean_up_tokenization_spaces": False, "chat_template": TEMPLATE,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
