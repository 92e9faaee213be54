"""The real Claude Code client against the real service: isolated, on the loopback, and through a proxy that watches."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from queue_config.settings import CHECKOUT
from tests.support import api_stream_grammar
from tests.support.claude_client import VERSIONS
from tests.support.claude_terminal import ClaudeTerminal
from tests.support.claude_watched import Watched, heard, trust, wait_until
from tests.support.recording_proxy import Exchange
from tests.support.service import Service
from tests.support.tiny_llama import write_tiny_speaker

SMOLLM2 = CHECKOUT / "models" / "smollm2-135m-instruct"
KEY = "a key of this test"
FULL_PROMPT_TOKENS = 11_000
"""Of the newest client with SmolLM2's tokenizer; older ones say more."""
MOST_COMPUTED_AGAIN = 0.05
with_the_newest = pytest.mark.parametrize("client_binary", VERSIONS[:1], indirect=True)
"""Where what counts is the server's part; the older client's own ways are seen in the other tests."""


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a key, whose model babbles but has the context for the full prompt."""
    with _speaking(tmp_path_factory.mktemp("roomy"), 65_536) as service:
        yield service


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with _speaking(tmp_path_factory.mktemp("narrow"), 8_192) as service:
        yield service


def _speaking(folder: Path, context_tokens: int) -> Service:
    model = write_tiny_speaker(folder / "tiny-speaker", SMOLLM2, context_tokens)
    return Service(folder / "home", model=model, api_key=KEY, drain_s=2)


def usage(exchange: Exchange) -> dict[str, int]:
    """How many tokens the prompt had, and how many of them came from the cache; the stream must be a legal one."""
    told: dict[str, Any] = api_stream_grammar.read([event.data for event in exchange.events])["usage"]
    computed = told["input_tokens"] + told["cache_creation_input_tokens"]
    return {"prompt": computed + told["cache_read_input_tokens"], "read": told["cache_read_input_tokens"]}


def counted_by_the_engine(service: Service) -> list[dict[str, int]]:
    """The same of all requests that ended well, as the worker logs it."""
    lines = [json.loads(line) for line in (service.home / "logs" / "worker.log").read_text().splitlines()]
    ended = [line for line in lines if line.get("message") == "ended" and line["how"] == "finished"]
    return [{"prompt": line["prompt_tokens"], "read": line["cache_read_tokens"]} for line in ended]


def test_a_bare_turn_with_the_default_model(watched: Watched, service: Service) -> None:
    """The model samples, so it is chance whether an answer ends within the limit; the client must know which it was."""
    report = watched.client(service, CLAUDE_CODE_MAX_OUTPUT_TOKENS="40").ask("What is the capital of France?")
    ends = [api_stream_grammar.read([event.data for event in seen.events])["stop_reason"] for seen in watched.messages]
    was_cut_off = "exceeded the 40 output token maximum" in report["result"]

    assert {(seen.status, seen.streamed) for seen in watched.messages} == {(200, True)}
    assert report["is_error"] == was_cut_off == (ends[-1] == "max_tokens"), report


def test_turns_with_the_full_prompt_compute_only_what_is_new(watched: Watched, roomy: Service) -> None:
    client = watched.client(roomy, KEY)
    before = len(counted_by_the_engine(roomy))
    reports = client.converse(["Say hi", "Name a colour", "And another one"])
    reports.append(client.ask("One more", "--continue"))
    used = [usage(seen) for seen in watched.messages]

    assert [report["is_error"] for report in reports] == [False] * 4
    assert len(used) >= 4
    assert used[0]["prompt"] >= FULL_PROMPT_TOKENS
    assert [one for one in used[1:] if one["prompt"] - one["read"] >= MOST_COMPUTED_AGAIN * one["prompt"]] == []
    assert counted_by_the_engine(roomy)[before:] == used
    assert all(seen.streamed for seen in watched.messages), "no answer's stream broke"


@with_the_newest
def test_a_conversation_that_outgrows_the_context_is_compacted_and_goes_on(watched: Watched, narrow: Service) -> None:
    client = watched.client(narrow, KEY)
    reports = client.converse([f"{'word ' * 1_900}{number}" for number in range(4)])
    refusals = [json.loads(seen.answer)["error"]["message"] for seen in watched.messages if seen.status == 400]
    summaries = [seen for seen in watched.messages if "summary" in json.dumps(seen.body["messages"][-1])]

    assert [report["is_error"] for report in reports] == [False] * 4
    assert refusals
    assert [why for why in refusals if not re.fullmatch(r"prompt is too long: \d+ tokens > 8192 maximum", why)] == []
    assert 200 in {seen.status for seen in summaries}


@with_the_newest
def test_the_contexts_contents_are_counted(watched: Watched, roomy: Service) -> None:
    report = watched.client(roomy, KEY).ask("/context")
    counts = [seen for seen in watched.proxy.exchanges if seen.path.startswith("/v1/messages/count_tokens")]

    assert report["is_error"] is False
    assert "65.5k" in report["result"], "the window is the model's own"
    assert len(counts) >= 10
    assert {seen.status for seen in counts} == {200}


@with_the_newest
def test_what_runs_in_the_background_waits_behind_the_rest(watched: Watched, roomy: Service) -> None:
    client = watched.client(roomy, KEY, CLAUDE_CODE_SESSION_KIND="bg")
    report = client.ask("Say hi")
    lines = [json.loads(line) for line in (roomy.home / "logs" / "worker.log").read_text().splitlines()]

    assert report["is_error"] is False
    assert {seen.headers["x-app"] for seen in watched.messages} == {"cli-bg"}
    assert [line["lane"] for line in lines if line.get("message") == "ended"][-1] == "background"


def test_the_interactive_client_greets_nobody_and_answers(watched: Watched, roomy: Service) -> None:
    client = watched.client(roomy, KEY)
    trust(client)
    with ClaudeTerminal(client) as terminal:
        wait_until(lambda: heard(terminal, watched, "Say hi"))
        wait_until(lambda: b"message_stop" in watched.messages[0].answer)

    assert watched.messages[0].body["messages"][0]["role"] == "user"
    assert "safeguards" not in watched.messages[0].body, "it asks its user, not the server"
    assert {(seen.status, seen.streamed) for seen in watched.messages} == {(200, True)}


@with_the_newest
def test_a_key_that_is_wrong_ends_at_once_with_the_reason(watched: Watched, roomy: Service) -> None:
    client = watched.client(roomy, KEY, ANTHROPIC_AUTH_TOKEN="another", CLAUDE_CODE_MAX_RETRIES="0")
    report = client.ask("Say hi")

    assert report["is_error"] is True
    assert {seen.status for seen in watched.messages} == {401}
