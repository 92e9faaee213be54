"""Claude Code's requests as it sent them, shortened: all are read, and each prompt begins with the whole one before."""

import copy
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.wire.request import parse_count, parse_messages
from models.conversation import ToolResult
from models.families import Family
from models.families.chatml import PHI4, ChatML
from models.families.gemma import Gemma
from models.families.llama3 import Llama3
from models.families.mistral import VERSIONS
from models.families.phi3 import Phi3
from models.prompt import as_text
from tests.support.api_fakes import Readable

RECORDED = Path(__file__).parents[2] / "fixtures" / "claude_code"
NAMES = sorted(path.stem for path in RECORDED.glob("*.json"))
GROWING = ["cc197_toolloop", "cc330_interactive_safeguards", "cc330_toolloop_turn5", "cc330_toolsearch_references"]
Body = dict[str, Any]


def recorded(name: str) -> Body:
    body: Body = json.loads((RECORDED / f"{name}.json").read_text())["body"]
    return body | {"max_tokens": body.get("max_tokens", 100)}


FAMILIES: dict[str, Family] = {
    "readable": Readable(),
    "qwen 3": ChatML(knows_tools=True, thinks=True),
    "qwen 2.5": ChatML(knows_tools=True),
    "smollm2": ChatML(),
    "phi 4": PHI4,
    "phi 3": Phi3(""),
    "gemma": Gemma("<bos>"),
    "llama 3": Llama3("<|begin_of_text|>"),
    **{f"mistral {number}": version for number, version in enumerate(VERSIONS)},
}


def prompt(body: Body, family: Family = FAMILIES["readable"]) -> str:
    """What the model reads up to its answer."""
    return as_text(family.render(parse_messages(body).conversation))


def earlier(body: Body) -> list[Body]:
    """The requests that came before this one, as the client would have sent them."""
    ends = [index for index, message in enumerate(body["messages"]) if message["role"] == "assistant"]
    return [as_sent_then(body, end) for end in ends]


def as_sent_then(body: Body, end: int) -> Body:
    """Markers at the last message, another billing line, and no tools that were not found yet."""
    before = copy.deepcopy(body)
    before["messages"] = [unmarked(message) for message in before["messages"][:end]]
    last = before["messages"][-1]
    if isinstance(last["content"], str):
        last["content"] = [{"type": "text", "text": last["content"]}]
    last["content"][-1]["cache_control"] = {"type": "ephemeral"}
    before["system"][0]["text"] = f"x-anthropic-billing-header: cc_version=9.9.9.{end:03}; cch={end:05};"
    found = json.dumps(before["messages"])
    before["tools"] = [
        tool for tool in before["tools"] if not tool.get("defer_loading") or f'"{tool["name"]}"' in found
    ]
    before["thinking"] = {"type": "adaptive", "display": "updates"}
    before["metadata"] = {"user_id": str(end)}
    return before


def unmarked(message: Body) -> Body:
    """A message that is not the last: without a marker, and one block of text as a string."""
    content = message["content"]
    if isinstance(content, str):
        return message
    for block in content:
        block.pop("cache_control", None)
    if len(content) == 1 and content[0]["type"] == "text":
        return message | {"content": content[0]["text"]}
    return message


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_request_is_read_and_counted_alike(name: str) -> None:
    body = recorded(name)

    parsed = parse_messages(body)

    assert parsed.conversation == parse_count(body).conversation
    assert "x-anthropic-billing-header" not in prompt(body)
    assert "DeferredToolPlaceholder" not in prompt(body)
    assert parsed.conversation.thinking is ("thinking" in body)
    assert parsed.wish.safeguards is ("safeguards" in body)
    assert parsed.wish.applied_edits is ("context_management" in body)


@pytest.mark.parametrize("name", GROWING)
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_each_prompt_of_a_session_begins_with_the_whole_prompt_before_it(name: str, family: Family) -> None:
    body = recorded(name)
    prompts = [prompt(request, family).removesuffix("<think>") for request in [*earlier(body), body]]

    assert len(prompts) > 2
    for before, after in pairwise(prompts):
        assert len(before) < len(after)
        assert after.startswith(before)


@pytest.mark.parametrize("name", ["cc330_main_newshape", "cc330_toolloop_turn5", "cc197_main"])
def test_sessions_that_differ_in_their_first_words_share_all_before_them(name: str) -> None:
    body, other = recorded(name), recorded(name)
    other["messages"][0]["content"] = "Another question."
    shared = prompt(body).partition("<user>")[0]

    assert prompt(other).startswith(shared + "<user>Another question.")
    assert shared.count("<system>") == 1
    assert parse_messages(body).conversation.turns[0].role == "user"


@pytest.mark.parametrize("name", NAMES)
def test_where_markers_stand_and_how_text_is_wrapped_changes_no_prompt(name: str) -> None:
    body, other = recorded(name), recorded(name)
    other["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
    other["messages"] = [unmarked(message) for message in other["messages"]]
    for block in [*other.get("system", []), *other.get("tools", [])]:
        block["cache_control"] = {"type": "ephemeral"}

    assert parse_messages(other) == parse_messages(body)


def test_definitions_of_tools_that_were_found_stand_in_the_results_that_found_them() -> None:
    parsed = parse_messages(recorded("cc330_toolsearch_references"))
    listed = {tool.name for tool in parsed.conversation.tools}
    parts = [part for turn in parsed.conversation.turns for part in turn.parts]
    results = [part.text for part in parts if isinstance(part, ToolResult)]

    assert [tool.name for tool in parsed.wish.loaded_tools] == ["WebFetch", "NotebookEdit", "CronList"]
    assert listed.isdisjoint({"WebFetch", "NotebookEdit", "CronList", "DeferredToolPlaceholder"})
    assert any('{"name": "WebFetch"' in text and '{"name": "NotebookEdit"' in text for text in results)
    assert any('{"name": "CronList"' in text for text in results)


def test_the_request_for_a_title_asks_for_json_that_fits_its_schema() -> None:
    wish = parse_messages(recorded("cc330_title_side")).wish

    assert wish.schema == {
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
        "additionalProperties": False,
    }


def test_a_system_message_later_on_stays_in_its_place() -> None:
    messages = [
        {"role": "user", "content": "one"},
        {"role": "system", "content": "early"},
        {"role": "assistant", "content": "two"},
        {"role": "system", "content": "late"},
        {"role": "user", "content": "three"},
    ]
    conversation = parse_messages({"model": "m", "max_tokens": 1, "system": "first", "messages": messages}).conversation

    assert conversation.system == "first\n\nearly"
    assert [(turn.role, turn.text) for turn in conversation.turns] == [
        ("user", "one"),
        ("assistant", "two"),
        ("system", "late"),
        ("user", "three"),
    ]


def test_a_conversation_of_nothing_but_a_system_message_is_one() -> None:
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "system", "content": "alone"}]}

    assert [turn.text for turn in parse_messages(body).conversation.turns] == ["alone"]
