"""The live view in a real browser."""

from playwright.sync_api import Page, expect

from tests.support.live_report import NAME, Reporter, row


def test_every_sequence_is_a_bar_that_says_how_far_it_is(page: Page, reporter: Reporter) -> None:
    reporter.say(row(1), row(2, "prefilling"), row(3, "waiting"), row(4, lane="batch"))
    page.goto("/#/live")
    bars = page.locator(".bar")
    expect(bars).to_have_count(4)
    states = [bar.get_attribute("data-state") for bar in bars.all()]
    words = [bar.locator(".bar-words").inner_text() for bar in bars.all()]
    reporter.say(*[row(number) for number in range(1, 33)])

    assert states == ["decoding", "prefilling", "waiting", "decoding"]
    assert words == [
        "Writing 10 tokens written",
        "Reading 100 of 400 tokens read",
        "Waiting 400 tokens to read",
        "Writing 40 tokens written",
    ]
    expect(bars).to_have_count(32)
    expect(page.locator(".tile", has_text="Running")).to_contain_text("32of 32")
    expect(page.locator(".tile", has_text="Cache hits")).to_contain_text("73 %")
    expect(page.locator("canvas")).to_have_count(4)
    expect(page.get_by_role("row", name=NAME)).to_contain_text("Busy")


def test_what_waits_is_shown_too(page: Page, reporter: Reporter) -> None:
    reporter.say(row(1))
    page.goto("/#/live")
    expect(page.locator(".bar")).to_have_count(1)
    page.evaluate(
        """() => fetch("/v1/jobs", {method: "POST", headers: {"content-type": "application/json"},
        body: JSON.stringify({model: "claude", max_tokens: 9, messages: [{role: "user", content: "hi"}]})})"""
    )

    expect(page.locator(".bar").nth(1)).to_contain_text("Waiting 19 tokens to read")
    expect(page.locator(".tile", has_text="Waiting")).to_contain_text("1 jobs")
