"""Every view can be used by everybody: with a keyboard, with a screen reader, on a phone, in light and dark."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_chat import ANSWER, answers, say, script
from tests.browser.test_jobs import accept, accept_batch
from tests.support import axe
from tests.support.api_fake_worker import FakeWorker
from tests.support.live_report import Reporter, row


@pytest.fixture(scope="module")
def axe_script() -> str:
    return axe.source()


def welcome(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("What is on your mind?")).to_be_visible()


def conversation(page: Page) -> None:
    welcome(page)
    say(page, script("tool_use", ANSWER))
    expect(answers(page).locator(".hljs-keyword").first).to_be_visible()


def settings(page: Page) -> None:
    welcome(page)
    page.get_by_role("button", name="Settings").click()


def live(page: Page) -> None:
    page.goto("/#/live")
    expect(page.locator(".bar")).to_have_count(3)
    expect(page.locator("canvas")).to_have_count(4)


def jobs(page: Page) -> None:
    accept(page.request, "hang")
    accept(page.request, "fail api_error")
    page.goto("/#/jobs")
    expect(page.locator(".card-line")).to_have_count(2)


def batch(page: Page) -> None:
    page.goto(f"/#/batches/{accept_batch(page.request, 'fine')}")
    expect(page.get_by_role("button", name="Results")).to_be_visible()


@pytest.mark.parametrize("view", [welcome, conversation, settings, jobs, batch])
def test_nothing_grave_is_found(page: Page, worker: FakeWorker, axe_script: str, view: Callable[[Page], None]) -> None:
    view(page)

    assert in_both_themes(page, axe_script) == {"light": [], "dark": []}


def test_nothing_grave_is_found_in_the_live_view(page: Page, reporter: Reporter, axe_script: str) -> None:
    reporter.say(row(1), row(2, "prefilling"), row(3, "waiting"))
    live(page)

    assert in_both_themes(page, axe_script) == {"light": [], "dark": []}


def in_both_themes(page: Page, axe_script: str) -> dict[str, list[str]]:
    found = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        found[theme] = axe.grave_findings(page, axe_script)
    return found


def test_a_phone_has_a_menu_and_nothing_is_wider_than_it(page: Page, reporter: Reporter) -> None:
    reporter.say(row(1), row(2, "prefilling"), row(3, "waiting"))
    page.set_viewport_size({"width": 375, "height": 700})
    widths = []
    for view in ("chat", "live", "jobs", "batches"):
        page.goto(f"/#/{view}")
        expect(page.get_by_role("navigation")).to_have_count(0)
        page.get_by_role("button", name="Menu").click()
        expect(page.get_by_role("navigation")).to_be_visible()
        page.keyboard.press("Escape")
        if view == "live":
            expect(page.locator("canvas")).to_have_count(4)
        widths.append(page.evaluate("document.querySelector('main').scrollWidth"))

    assert widths == [375] * 4
