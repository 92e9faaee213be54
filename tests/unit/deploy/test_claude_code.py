"""What `pensieve claude` tells the client, and what it keeps from it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.claude_code import advice, environment
from deploy.served_model import ServedModel

HOME = Path("/somewhere/claude-code")
URL = "http://127.0.0.1:7777"
ROOMY = ServedModel("local", 131_072)


def told(environ: Mapping[str, str], model: ServedModel = ROOMY, api_key: str = "") -> dict[str, str]:
    return environment(environ, HOME, URL, model, api_key)


def test_the_client_knows_the_service_the_model_and_its_size() -> None:
    assert told({}) == {
        "HOME": "/somewhere/claude-code",
        "CLAUDE_CONFIG_DIR": "/somewhere/claude-code/.claude",
        "XDG_CONFIG_HOME": "/somewhere/claude-code/.config",
        "XDG_CACHE_HOME": "/somewhere/claude-code/.cache",
        "XDG_DATA_HOME": "/somewhere/claude-code/.local/share",
        "XDG_STATE_HOME": "/somewhere/claude-code/.local/state",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL": "1",
        "DISABLE_AUTOUPDATER": "1",
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "no_proxy": "127.0.0.1,localhost,::1",
        "ANTHROPIC_BASE_URL": URL,
        "ANTHROPIC_AUTH_TOKEN": "not-needed",
        "ANTHROPIC_MODEL": "local",
        "ANTHROPIC_DEFAULT_OPUS_MODEL": "local",
        "ANTHROPIC_DEFAULT_SONNET_MODEL": "local",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": "local",
        "ANTHROPIC_DEFAULT_FABLE_MODEL": "local",
        "CLAUDE_CODE_SUBAGENT_MODEL": "local",
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "API_TIMEOUT_MS": "3600000",
        "CLAUDE_STREAM_IDLE_TIMEOUT_MS": "3600000",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "131072",
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "32000",
    }


def test_nothing_of_the_users_own_account_gets_through_and_the_rest_does() -> None:
    mine = {"TERM": "xterm", "PATH": "/bin", "EDITOR": "vi", "LANG": "C.UTF-8", "GIT_AUTHOR_NAME": "Me"}
    foreign = {
        "ANTHROPIC_API_KEY": "sk-secret",
        "ANTHROPIC_CUSTOM_HEADERS": "x: y",
        "CLAUDE_CODE_USE_BEDROCK": "1",
        "CLAUDE_CODE_OAUTH_TOKEN": "secret",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "5",
        "CLAUDECODE": "1",
        "DISABLE_COMPACT": "1",
    }

    environ = told({"HOME": "/home/me", "XDG_CONFIG_HOME": "/home/me/.config"} | mine | foreign)

    assert environ == told({}) | mine


def test_the_services_key_is_the_clients_token() -> None:
    assert told({}, api_key="s3cret")["ANTHROPIC_AUTH_TOKEN"] == "s3cret"


def test_a_proxy_is_kept_but_not_for_the_loopback() -> None:
    environ = told({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "intranet,localhost"})

    assert environ["HTTPS_PROXY"] == "http://proxy:3128"
    assert environ["NO_PROXY"] == environ["no_proxy"] == "intranet,localhost,127.0.0.1,::1"


@pytest.mark.parametrize(
    ("context_tokens", "size"),
    [
        (8_192, {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "2048", "CLAUDE_CODE_SIMPLE": "1"}),
        (32_768, {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "8192"}),
        (65_536, {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "16384", "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "65536"}),
    ],
)
def test_a_small_context_gets_a_short_prompt_and_is_not_told(context_tokens: int, size: dict[str, str]) -> None:
    environ = told({}, ServedModel("local", context_tokens))

    names = ("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "CLAUDE_CODE_MAX_CONTEXT_TOKENS", "CLAUDE_CODE_SIMPLE")
    assert {name: environ[name] for name in names if name in environ} == size


@pytest.mark.parametrize(
    ("context_tokens", "arguments", "said"),
    [
        (8_192, (), "too few for Claude Code's full prompt"),
        (32_768, ("-p", "hi"), "with --bare it takes 1,000"),
        (32_768, ("--bare",), ""),
        (8_192, ("--bare", "-p", "hi"), ""),
        (65_536, (), ""),
    ],
)
def test_the_user_hears_of_a_small_context(context_tokens: int, arguments: tuple[str, ...], said: str) -> None:
    advised = advice(ServedModel("local", context_tokens), arguments)

    assert said in advised
    assert bool(said) == bool(advised)
