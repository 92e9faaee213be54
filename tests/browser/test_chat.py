"""Chat in a real browser."""

import json
import re

from playwright.sync_api import Locator, Page, expect

from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL

TEXT = """## Buckets

A **hash table**:

```python
def find(key):
    return table[hash(key)]
```

<script>alert(1)</script>

![cat](https://example.com/cat.png)
"""
ANSWER = [
    ["thinking", "They want a table."],
    [
        "text",
        TEXT,
    ],
    ["tool", "toolu_1", "weather"],
    ["input", '{"city": "Ulm"}'],
]


UNHEARD = """for (const end of ["pagehide", "visibilitychange"])
    addEventListener(end, event => event.stopImmediatePropagation(), true);"""


def say(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def script(reason: str, pieces: list[list[str]]) -> str:
    """A message that the scripted worker answers with these pieces."""
    return f"answer {reason} {json.dumps(pieces)}"


def answers(page: Page) -> Locator:
    return page.get_by_role("article", name="Answer")


def test_a_message_is_answered_and_the_conversation_is_kept(page: Page, worker: FakeWorker) -> None:
    page.goto("/")
    expect(page.get_by_label("Model")).to_have_value(MODEL)
    say(page, "Tell me about clouds")
    expect(answers(page)).to_contain_text("Tell me about clouds")
    expect(page.locator(".figures")).to_contain_text("4 tokens")
    page.reload()

    expect(answers(page)).to_contain_text("Tell me about clouds")
    expect(page.get_by_role("link", name="Tell me about clouds")).to_have_attribute("aria-current", "page")


def test_thinking_calls_and_code_are_shown_and_nothing_a_model_writes_becomes_markup(
    page: Page, worker: FakeWorker
) -> None:
    page.goto("/")
    say(page, script("tool_use", ANSWER))
    answer = answers(page)
    expect(answer.locator(".hljs-keyword").first).to_have_text("def")
    answer.locator("summary", has_text="Thought").click()

    expect(answer.get_by_role("heading", name="Buckets")).to_be_visible()
    expect(answer.get_by_text("They want a table.")).to_be_visible()
    expect(answer).to_contain_text("<script>alert(1)</script>")
    expect(answer.locator("script, img")).to_have_count(0)
    expect(answer.get_by_role("link", name="cat")).to_have_attribute("rel", "noopener noreferrer")
    expect(answer.locator("pre.fold-body")).to_have_text('{\n  "city": "Ulm"\n}')
    answer.get_by_label("Result of weather").fill("12 degrees")
    answer.get_by_role("button", name="Send the result").click()
    expect(answers(page).nth(1)).to_contain_text("done")
    assert "<result>12 degrees" in prompt(worker, 1)


def test_an_answer_can_be_stopped_and_written_again(page: Page, worker: FakeWorker) -> None:
    page.goto("/")
    say(page, "trickle 400")
    expect(answers(page)).to_contain_text("word3")
    page.keyboard.press("Escape")
    expect(answers(page)).to_contain_text("Stopped.")
    expect(answers(page)).to_contain_text("word3")
    page.get_by_role("button", name="Answer again").click()
    expect(answers(page)).to_contain_text("word3")
    page.get_by_role("button", name="Stop").click()

    expect(answers(page)).to_contain_text("Stopped.")
    assert sorted(worker.canceled) == sorted(request.id for request in worker.taken)


def test_a_message_can_be_edited_and_asked_again(page: Page, worker: FakeWorker) -> None:
    page.goto("/")
    say(page, "first words")
    expect(answers(page)).to_contain_text("first words")
    page.get_by_role("article", name="You").hover()
    page.get_by_role("button", name="Edit and ask again").click()
    page.get_by_label("Edit your message").fill("other words")
    page.get_by_role("button", name="Ask again").click()

    expect(answers(page)).to_contain_text("other words")
    expect(answers(page)).to_have_count(1)
    assert "first" not in prompt(worker, 1)


def test_a_reload_in_mid_answer_goes_on_where_it_was(page: Page, worker: FakeWorker) -> None:
    resumed: list[str] = []
    page.on(
        "request", lambda sent: resumed.append(sent.headers.get("last-event-id", "")) if "/events" in sent.url else None
    )
    page.goto("/")
    say(page, "trickle 60")
    expect(answers(page)).to_contain_text("word15")
    page.reload()
    expect(page.locator(".figures")).to_contain_text("60 tokens")

    words = re.findall(r"word\d+", answers(page).inner_text())
    assert words == [f"word{number}" for number in range(60)]
    assert (len(worker.taken), len(resumed)) == (1, 2)
    assert re.fullmatch(r"1-\d+\.\d+", resumed[1])


def test_what_was_sent_outlives_a_tab_that_is_killed_without_a_word(page: Page, worker: FakeWorker) -> None:
    page.add_init_script(UNHEARD)
    page.goto("/")
    with page.expect_request("**/v1/messages"):
        say(page, "Tell me about clouds")
    page.reload()

    expect(answers(page)).to_contain_text("Tell me about clouds")
    assert len(worker.taken) == 1


def test_a_failure_is_told_and_the_next_try_may_succeed(page: Page, worker: FakeWorker) -> None:
    page.goto("/")
    say(page, "fail api_error")

    expect(answers(page).get_by_role("alert")).to_contain_text("scripted to fail")
    expect(page.get_by_role("button", name="Answer again")).to_be_visible()


def test_the_settings_shape_the_request(page: Page, worker: FakeWorker) -> None:
    page.goto("/")
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("System prompt").fill("Be brief.")
    page.get_by_label("Temperature").fill("0.2")
    page.get_by_label("Longest answer").fill("3")
    page.get_by_role("button", name="Save").click()
    say(page, "one two three four")
    expect(answers(page)).to_contain_text("Cut off at the limit")

    sampling = worker.taken[0].sampling
    assert (sampling.temperature, sampling.max_tokens) == (0.2, 3)
    assert prompt(worker, 0).startswith("<system>Be brief.")


def test_a_conversation_can_be_renamed_exported_and_deleted(page: Page, worker: FakeWorker) -> None:
    page.goto("/")
    expect(page.get_by_label("Model")).to_have_value(MODEL)
    say(page, "clouds")
    expect(page.locator(".figures")).to_be_visible()
    page.get_by_role("button", name="Rename, export or delete").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Markdown").click()
    text = download.value.path().read_text()
    page.get_by_role("textbox", name="Name").fill("About the sky")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="About the sky")).to_be_visible()
    page.get_by_role("button", name="Rename, export or delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete it for good").click()

    assert text == f"# clouds\n\n*{MODEL}*\n\n## You\n\nclouds\n\n## Assistant\n\nclouds \n"
    expect(page.get_by_text("What is on your mind?")).to_be_visible()
    expect(page.get_by_role("link", name="About the sky")).to_have_count(0)


def prompt(worker: FakeWorker, at: int) -> str:
    return "".join(map(chr, worker.taken[at].prompt))
