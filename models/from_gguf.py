"""Convert a Llama-architecture GGUF into a folder of safetensors and Hugging Face JSON, losing nothing."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from models.errors import ModelRefused
from models.gguf_header import check_header
from models.gguf_tokenizer import tokenizer_config, tokenizer_from_gguf
from models.gguf_weights import GROUP, Array, Weight, repack, unpermuted_rows

OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
INNER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

Progress = Callable[[int, int], None]
"""Tensors done, tensors in all."""


def convert(gguf_file: Path, folder: Path, progress: Progress = lambda _done, _total: None) -> None:
    """Write config.json, model.safetensors and the tokenizer's files into `folder`, which exists.

    Raises ModelRefused for an architecture, tensor kind or tokenizer that we can't convert exactly.
    """
    from gguf import GGUFReader  # noqa: PLC0415 - half a second that only a conversion should cost
    from safetensors.numpy import save_file  # noqa: PLC0415

    check_header(gguf_file)
    try:
        reader = GGUFReader(gguf_file)
        metadata = {name: field.contents() for name, field in reader.fields.items()}
        config = model_config(metadata)
        weights = _weights(reader, config, progress)
        tokenizer, words = tokenizer_from_gguf(metadata), tokenizer_config(metadata)
        config["tie_word_embeddings"] = "lm_head" not in weights
        config["quantization"] = config["quantization_config"] = quantization(weights)
    except ModelRefused as error:
        raise ModelRefused(f"{gguf_file} can't be converted: {error}") from error
    except Exception as error:
        # Whatever a field lacks, or has of another type than it should, comes up as an error of Python's, numpy's or
        # the tokenizer's.
        raise ModelRefused(f"{gguf_file} can't be converted: {error!r}") from error

    save_file(dict(_tensors(weights)), folder / "model.safetensors", metadata={"format": "mlx"})
    # The library lets only its owner read what it writes.
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save(str(folder / "tokenizer.json"))
    token_ids = {name: config[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    _write(folder / "config.json", config)
    _write(folder / "generation_config.json", token_ids)
    _write(folder / "tokenizer_config.json", words)


def model_config(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The Hugging Face config of a plain Llama; ModelRefused for any other architecture or a scaled rope."""
    architecture = metadata.get("general.architecture")
    if architecture != "llama":
        raise ModelRefused(f"its architecture is {architecture}; Pensieve converts llama only")
    if metadata.get("llama.expert_count", 0) or metadata.get("llama.rope.scaling.type", "none") != "none":
        raise ModelRefused("experts and scaled rope aren't converted")
    if metadata.get("tokenizer.chat_template") is None:
        raise ModelRefused("it has no chat template, so it is no instruction-tuned model")
    hidden, heads = metadata["llama.embedding_length"], metadata["llama.attention.head_count"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": hidden,
        "intermediate_size": metadata["llama.feed_forward_length"],
        "num_hidden_layers": metadata["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": metadata.get("llama.attention.head_count_kv", heads),
        "head_dim": metadata.get("llama.attention.key_length", hidden // heads),
        "max_position_embeddings": metadata["llama.context_length"],
        "rms_norm_eps": _shortest(metadata["llama.attention.layer_norm_rms_epsilon"]),
        "rope_theta": _shortest(metadata.get("llama.rope.freq_base", 10000.0)),
        "attention_bias": False,
        "mlp_bias": False,
        "vocab_size": len(metadata["tokenizer.ggml.tokens"]),
        "bos_token_id": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": metadata["tokenizer.ggml.eos_token_id"],
        "pad_token_id": metadata.get("tokenizer.ggml.padding_token_id"),
        "torch_dtype": "float16",
    }


def hf_name(gguf_name: str) -> tuple[str, str]:
    """('model.layers.3.self_attn.q_proj', 'attn_q') for 'blk.3.attn_q.weight'."""
    match gguf_name.split("."):
        case [part, "weight"] if part in OUTER:
            return OUTER[part], part
        case ["blk", layer, part, "weight"] if part in INNER:
            return f"model.layers.{layer}.{INNER[part]}", part
    raise ModelRefused(f"it has a tensor {gguf_name}, which a plain Llama hasn't")


def quantization(weights: Mapping[str, Weight]) -> dict[str, Any]:
    """MLX's table: the commonest width for all, and an entry for each layer that has another."""
    widths = [weight.bits for weight in weights.values() if weight.bits]
    if not widths:
        raise ModelRefused("it isn't quantised; use the model's safetensors instead")
    common = max(set(widths), key=widths.count)
    others = {
        name: {"group_size": GROUP, "bits": weight.bits}
        for name, weight in weights.items()
        if weight.bits not in {0, common}
    }
    return {"group_size": GROUP, "bits": common, **others}


def _weights(reader: Any, config: Mapping[str, Any], progress: Progress) -> dict[str, Weight]:
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    weights = {}
    for done, tensor in enumerate(reader.tensors, start=1):
        name, part = hf_name(tensor.name)
        weight = repack(tensor.data, tensor.tensor_type.name)
        if part in heads:
            weight = weight.reordered(unpermuted_rows(len(weight.values), heads[part]))
        weights[name] = weight
        progress(done, len(reader.tensors))
    return weights


def _tensors(weights: Mapping[str, Weight]) -> Iterator[tuple[str, Array]]:
    for name, weight in weights.items():
        yield from weight.tensors(name).items()


def _shortest(value: float) -> float:
    """The float32 of the file as people wrote it: 1e-05, not 9.999999747378752e-06."""
    return float(str(np.float32(value)))


def _write(file: Path, content: dict[str, Any]) -> None:
    file.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
