"""A one-layer GGUF of a few kilobytes, written with the library that people write theirs with."""

from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, quants

TOKENS = ["<|im_start|>", "<|im_end|>", *(chr(code) for code in range(33, 127)), "Ġ", "Ċ", "th", "the"]
CHAT_TEMPLATE = (
    "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
HIDDEN, HEADS, KV_HEADS, INTERMEDIATE = 64, 4, 2, 96
SHAPES = {
    "token_embd": (len(TOKENS), HIDDEN),
    "output_norm": (HIDDEN,),
    "blk.0.attn_norm": (HIDDEN,),
    "blk.0.attn_q": (HIDDEN, HIDDEN),
    "blk.0.attn_k": (HIDDEN * KV_HEADS // HEADS, HIDDEN),
    "blk.0.attn_v": (HIDDEN * KV_HEADS // HEADS, HIDDEN),
    "blk.0.attn_output": (HIDDEN, HIDDEN),
    "blk.0.ffn_norm": (HIDDEN,),
    "blk.0.ffn_gate": (INTERMEDIATE, HIDDEN),
    "blk.0.ffn_up": (INTERMEDIATE, HIDDEN),
    "blk.0.ffn_down": (HIDDEN, INTERMEDIATE),
}


def write_gguf(
    file: Path, *, architecture: str = "llama", pre: str = "smollm", kind: str = "Q4_1", **extra: Any
) -> Path:
    """`kind` is that of the matrices; the embeddings are Q8_0 and the norms F32. `extra` adds or replaces tensors."""
    random = np.random.default_rng(1)
    writer = GGUFWriter(file, architecture)
    writer.add_block_count(1)
    writer.add_context_length(512)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INTERMEDIATE)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(100000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3] + [1] * (len(TOKENS) - 2))
    writer.add_token_merges(["t h", "th e"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_chat_template(CHAT_TEMPLATE)
    for name, shape in (SHAPES | extra).items():
        numbers = random.standard_normal(shape, dtype=np.float32)
        tensor_kind = "F32" if len(shape) == 1 else "Q8_0" if name == "token_embd" else kind
        quantised = GGMLQuantizationType[tensor_kind]
        writer.add_tensor(f"{name}.weight", quants.quantize(numbers, quantised), raw_dtype=quantised)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
