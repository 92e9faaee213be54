"""What Claude Code is told by its environment, so that it works against one local model and nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.served_model import ServedModel

MIN_FULL_TOKENS = 16_000
"""With less context the full prompt, 12,000 tokens or more, leaves no room for a conversation."""
MIN_KNOWN_TOKENS = 48_000
"""Claude Code compacts a conversation when less is left than an answer and 13,000 tokens. Told of a smaller context
it would do so on every turn; not told, it compacts when the service says that a prompt is too long."""
MAX_OUTPUT_TOKENS = 32_000
"""What Claude Code asks for where nobody says otherwise."""
PATIENCE_MS = 3_600_000
"""The service pings and has a deadline of its own; the client has no reason to give up before it."""
NO_KEY = "not-needed"

_FOREIGN = ("ANTHROPIC_", "CLAUDE_")
"""Settings of the user's own Claude Code: accounts, clouds, models. None of them may reach this one."""
_ALSO_FOREIGN = frozenset({"CLAUDECODE", "MAX_THINKING_TOKENS", "DISABLE_AUTO_COMPACT", "DISABLE_COMPACT"})
_TIERS = ("OPUS", "SONNET", "HAIKU", "FABLE")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def environment(
    environ: Mapping[str, str], home: Path, url: str, model: ServedModel, api_key: str = ""
) -> dict[str, str]:
    """The client's whole environment: the user's own but for what would lead it elsewhere."""
    kept = {name: value for name, value in environ.items() if not _is_foreign(name)}
    return kept | _isolation(home) | _past_proxies(environ) | _service(url, model, api_key) | _size(model)


def advice(model: ServedModel, arguments: Sequence[str]) -> str:
    """What the user should know of this model's context; empty where it is large enough."""
    if "--bare" in arguments or model.context_tokens >= MIN_KNOWN_TOKENS:
        return ""
    context = f"{model.name} has a context of {model.context_tokens:,} tokens"
    if needs_bare(model):
        return f"{context}, too few for Claude Code's full prompt: it runs as with --bare (a short one, three tools)."
    return f"{context}, of which Claude Code's full prompt takes 12,000 to 20,000; with --bare it takes 1,000."


def needs_bare(model: ServedModel) -> bool:
    return model.context_tokens < MIN_FULL_TOKENS


def _is_foreign(name: str) -> bool:
    return name.startswith(_FOREIGN) or name in _ALSO_FOREIGN


def _isolation(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "CLAUDE_CONFIG_DIR": str(home / ".claude"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL": "1",
        "DISABLE_AUTOUPDATER": "1",
    }


def _past_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """A proxy would be asked for the loopback address, which is its own."""
    listed = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    hosts = [host for host in listed.split(",") if host]
    value = ",".join([*hosts, *(host for host in _LOOPBACK if host not in hosts)])
    return {"NO_PROXY": value, "no_proxy": value}


def _service(url: str, model: ServedModel, api_key: str) -> dict[str, str]:
    every_tier = ("ANTHROPIC_MODEL", *(f"ANTHROPIC_DEFAULT_{tier}_MODEL" for tier in _TIERS))
    return dict.fromkeys(every_tier, model.name) | {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": api_key or NO_KEY,
        "CLAUDE_CODE_SUBAGENT_MODEL": model.name,
        "API_TIMEOUT_MS": str(PATIENCE_MS),
        "CLAUDE_STREAM_IDLE_TIMEOUT_MS": str(PATIENCE_MS),
        # A line that differs from one conversation to the next would stand before everything they share.
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
    }


def _size(model: ServedModel) -> dict[str, str]:
    """It takes an unknown model for one of a million tokens, and asks no server."""
    told = {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(min(MAX_OUTPUT_TOKENS, model.context_tokens // 4))}
    if model.context_tokens >= MIN_KNOWN_TOKENS:
        told["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] = str(model.context_tokens)
    if needs_bare(model):
        # What --bare sets; the arguments stay as the user wrote them.
        told["CLAUDE_CODE_SIMPLE"] = "1"
    return told
