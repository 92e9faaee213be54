"""Prompt formats, one file a family, and the choice among them: whichever writes what the model's own template does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from models.conversation import Conversation, Role, Text, Tool, ToolResult, ToolUse, Turn, conversation
from models.errors import ModelRefused, PromptRejected
from models.families.chatml import PHI4, ChatML
from models.families.family import Family
from models.families.gemma import Gemma
from models.families.llama3 import Llama3
from models.families.mistral import VERSIONS
from models.families.phi3 import Phi3
from models.families.qwen3 import QWEN3
from models.families.template import TemplateFamily, compiled
from models.families.template_syntax import knows_tools, with_syntax
from models.folder import ModelFolder
from models.prompt import as_text
from models.syntax import HERMES

__all__ = ["Family", "family_for", "family_of_template"]

PROBES: tuple[tuple[tuple[Role, str], ...], ...] = (
    (("user", "one"),),
    (("user", " one\n"), ("assistant", " two\n"), ("user", "three")),
)
"""Without system prompts: there some templates drop or refuse what a family of ours manages to say."""
TOOL = Tool("look", "Look at it.", {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]})
CALL = ToolUse("call00000", "look", '{"at": "it"}')
TOOL_PROBES: tuple[tuple[Turn, ...], ...] = (
    (Turn("user", (Text("one"),)),),
    (Turn("user", (Text("one"),)), Turn("assistant", (CALL,)), Turn("user", (ToolResult(CALL.id, "look", "two"),))),
)
"""For templates that know tools; one call, since some write no more."""


def family_for(model_dir: Path) -> Family:
    """The format of the model in this folder. Raises ModelRefused if it has no chat template."""
    folder = ModelFolder(model_dir)
    source = folder.chat_template()
    if source is None:
        raise ModelRefused(
            f"{model_dir} has no chat template, so it is a base model; take its instruction-tuned sibling"
        )
    return family_of_template(source, folder.special_tokens())


def family_of_template(source: str, special_tokens: dict[str, str]) -> Family:
    """The family that writes the probes as this template does; the template itself where none does."""
    own = TemplateFamily(compiled(source), special_tokens)
    probes = [conversation("", probe) for probe in PROBES]
    if knows_tools(own):
        probes += [Conversation("", turns, (TOOL,)) for turns in TOOL_PROBES]
    for as_template, family in _known(own, source):
        if all(_agree(as_template, own, probe) for probe in probes):
            return family
    return with_syntax(own, source)


def _known(own: TemplateFamily, source: str) -> Iterator[tuple[Family, Family]]:
    """Each family as templates write it, and as we prefer to."""
    yield replace(QWEN3, shows_no_thinking=False), QWEN3
    for family in _as_templates(own, source):
        yield family, family


def _as_templates(own: TemplateFamily, source: str) -> Iterator[Family]:
    bos, eos = own.tokens.get("bos_token", ""), own.tokens.get("eos_token", "")
    for knows in (False, True):
        yield ChatML(knows_tools=knows)
        yield ChatML(_default_system(own), knows_tools=knows)
    yield PHI4
    for start in ("", bos):
        yield Phi3(start)
        # Its template takes the tools as text, out of the system message.
        yield Phi3(start, newline="", knows_tools="<|/tool|>" in source)
    yield Llama3(bos)
    yield Llama3(bos, _when_published)
    yield Llama3(bos, _today)
    for version in VERSIONS:
        yield replace(version, bos=bos, eos=eos)
    yield Gemma(bos)


def _agree(family: Family, own: TemplateFamily, probe: Conversation) -> bool:
    try:
        return as_text(family.render(probe)) == as_text(replace(own, calls=HERMES).render(probe))
    except PromptRejected:
        return False


def _default_system(own: TemplateFamily) -> str:
    """The system prompt that a ChatML template fills in by itself, or ""."""
    try:
        text = own.render_text([{"role": "user", "content": "one"}], answer_follows=True)
    except PromptRejected:
        return ""
    start = "<|im_start|>system\n"
    return text.removeprefix(start).partition("<|im_end|>")[0] if text.startswith(start) else ""


def _today() -> str:
    return datetime.now().astimezone().strftime("%d %b %Y")


def _when_published() -> str:
    return "26 Jul 2024"
