"""Two tabs of one browser: what is said in one appears in the other, and nothing that was said is lost."""

import re

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_chat import answers, say
from tests.support.api_fake_worker import FakeWorker

DEAF = "window.BroadcastChannel = class { postMessage() {} };"


def words(page: Page) -> list[str]:
    return re.findall(r"word\d+", answers(page).last.inner_text())


def test_what_is_said_in_one_tab_is_shown_and_can_be_stopped_in_the_other(
    page: Page, context: BrowserContext, worker: FakeWorker
) -> None:
    page.goto("/")
    say(page, "trickle 400")
    expect(answers(page)).to_contain_text("word3")
    other = context.new_page()
    followed: list[str] = []
    other.on("request", lambda sent: followed.append(sent.url) if "/events" in sent.url else None)
    other.goto(page.url)
    expect(answers(other)).to_contain_text("word3")
    other.get_by_role("button", name="Stop").click()
    expect(answers(page)).to_contain_text("Stopped.")
    expect(answers(other)).to_contain_text("Stopped.")
    say(other, "clouds")
    expect(answers(page).last).to_have_text(re.compile("^clouds"))
    page.get_by_role("button", name="Rename, export or delete").click()
    page.get_by_role("textbox", name="Name").fill("The sky")
    page.get_by_role("button", name="Save").click()

    expect(other.get_by_role("link", name="The sky")).to_be_visible()
    # A browser has six connections to a server: an answer takes one of them, however many tabs show it.
    assert len(followed) == 1


def test_an_answer_whose_tab_is_closed_goes_on_in_the_other(
    page: Page, context: BrowserContext, worker: FakeWorker
) -> None:
    first = context.new_page()
    first.goto("/")
    say(first, "trickle 60")
    expect(answers(first)).to_contain_text("word3")
    page.goto(first.url)
    expect(answers(page)).to_contain_text("word3")
    first.close()

    expect(page.locator(".figures")).to_contain_text("60 tokens")
    assert words(page) == [f"word{number}" for number in range(60)]
    assert len(worker.taken) == 1


def test_what_two_tabs_say_at_once_becomes_two_conversations(
    page: Page, context: BrowserContext, worker: FakeWorker
) -> None:
    page.goto("/")
    say(page, "clouds")
    expect(page.locator(".figures")).to_be_visible()
    other = context.new_page()
    other.add_init_script(DEAF)
    other.goto(page.url)
    expect(answers(other)).to_contain_text("clouds")
    say(page, "rain")
    expect(answers(page).nth(1)).to_contain_text("rain")
    say(other, "snow")
    expect(answers(other).nth(1)).to_contain_text("snow")
    page.reload()

    expect(other.get_by_role("link", name="clouds (from another tab)")).to_have_attribute("aria-current", "page")
    expect(answers(page)).to_contain_text(["clouds", "rain"])
    page.get_by_role("link", name="clouds (from another tab)").click()
    expect(answers(page)).to_contain_text(["clouds", "snow"])


MERGED = """async () => {
    const { merge } = await import("/web/any/chat/merge.js");
    const base = { title: "a", settings: {}, updatedAt: 1, messages: [{ id: "1", status: "running", blocks: [] }] };
    const mine = { ...base, title: "b", messages: [{ id: "1", status: "done", blocks: ["x"] }] };
    const theirs = { ...base, updatedAt: 2, messages: [...base.messages, { id: "2", role: "user" }] };
    return [merge(base, mine, theirs), merge(base, theirs, mine)].map(({ kept, fork }) => [kept.title, kept.updatedAt,
        kept.messages.map(({ id, status }) => [id, status ?? ""]), fork]);
}"""


def test_what_each_tab_has_changed_is_kept_where_both_fit(page: Page) -> None:
    page.goto("/")

    merged = ["b", 2, [["1", "done"], ["2", ""]], None]
    assert page.evaluate(MERGED) == [merged, merged]
