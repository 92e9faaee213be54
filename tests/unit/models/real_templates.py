"""Chat templates as their makers publish them: SmolLM2's from its GGUF, the others out of the package guidance."""

import ast
from importlib.metadata import distribution
from pathlib import Path

BOS = {"gemma2": "<bos>", "llama3": "<|begin_of_text|>", "llama3_2": "<|begin_of_text|>"}
IN_GUIDANCE = {
    "qwen2_5": "qwen2dot5_it_template",
    "qwen3": "qwen3_it_template",
    "phi3": "phi3_mini_template",
    "phi3_with_bos": "phi3_small_template",
    "phi4_mini": "phi_4_mini_template",
    "llama3": "llama3_template",
    "llama3_2": "llama3dot2_template",
    "mistral": "mistral_7b_instruct_template",
    "mistral_without_system": "mistral_7b_instruct_llamacpp_template",
    "gemma2": "gemma2_9b_it_template",
    "llama2": "llama2_template",
    "bare_chatml": "chatml_template",
}


def real_templates() -> dict[str, str]:
    """Template source by the names above, and "smollm2"."""
    # Read, not imported: the package would bring its native engine up.
    source = Path(str(distribution("guidance").locate_file("guidance/chat.py"))).read_text(encoding="utf-8")
    constants = {
        node.targets[0].id: node.value.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    templates = {name: str(constants[constant]) for name, constant in IN_GUIDANCE.items()}
    smollm2 = Path(__file__).parent / "templates" / "smollm2.jinja"
    return {"smollm2": smollm2.read_text(encoding="utf-8"), **templates}


def special_tokens(name: str) -> dict[str, str]:
    return {"bos_token": BOS.get(name, "<s>"), "eos_token": "</s>"}
