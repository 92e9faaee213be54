"""Jobs and batches in a real browser."""

import json
from typing import Any

from playwright.sync_api import APIRequestContext, Page, expect

from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import messages_body


def accept(request: APIRequestContext, text: str) -> str:
    """Its id."""
    return str(request.post("/v1/jobs", data=messages_body(text)).json()["id"])


def accept_batch(request: APIRequestContext, *texts: str) -> str:
    asked = [{"custom_id": f"n{at}", "params": messages_body(text)} for at, text in enumerate(texts)]
    return str(request.post("/v1/messages/batches", data={"requests": asked}).json()["id"])


def test_jobs_are_listed_filtered_opened_and_cancelled(page: Page, worker: FakeWorker) -> None:
    done, failed, hanging = (accept(page.request, text) for text in ("fine", "fail api_error", "hang"))
    worker.wait_until_taken(3)
    page.goto("/#/jobs")
    lines = page.locator(".card-line")
    expect(lines.filter(has_text=done)).to_contain_text("succeeded")
    expect(lines.filter(has_text=failed)).to_contain_text("It was scripted to fail.")
    page.get_by_role("button", name=f"Cancel {hanging}").click()
    expect(lines.filter(has_text=hanging)).to_contain_text("canceled")
    page.get_by_label("Status").select_option("succeeded")
    expect(lines).to_have_count(1)
    page.get_by_role("link", name=f"Open {done}").click()

    expect(page.get_by_label("Result")).to_have_text("fine ")
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    assert json.loads(download.value.path().read_text())["id"] == done


def test_a_job_that_failed_can_be_tried_again(page: Page, worker: FakeWorker) -> None:
    failed = accept(page.request, "fail api_error")
    page.goto(f"/#/jobs/{failed}")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name=failed)).to_have_count(0)
    expect(page.get_by_text("It was scripted to fail.")).to_be_visible()

    first, second = worker.wait_until_taken(2)
    assert (first.id, second.prompt, second.sampling) == (failed, first.prompt, first.sampling)


def test_a_batch_is_watched_and_its_results_downloaded(page: Page, worker: FakeWorker) -> None:
    batch = accept_batch(page.request, "one", "fail api_error", "three")
    page.goto("/#/batches")
    page.get_by_role("link", name=batch, exact=True).click()
    expect(page.get_by_label("Requests")).to_contain_text("succeeded 2")
    expect(page.get_by_label("Requests")).to_contain_text("errored 1")
    expect(page.get_by_label("Results").get_by_text("three")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Results").click()

    results: list[dict[str, Any]] = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert download.value.suggested_filename == f"{batch}.jsonl"
    assert sorted((line["custom_id"], line["result"]["type"]) for line in results) == [
        ("n0", "succeeded"),
        ("n1", "errored"),
        ("n2", "succeeded"),
    ]


def test_a_batch_can_be_cancelled_and_deleted(page: Page, worker: FakeWorker) -> None:
    batch = accept_batch(page.request, "hang", "hang")
    worker.wait_until_taken(2)
    page.goto(f"/#/batches/{batch}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Requests")).to_contain_text("canceled 2")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()

    expect(page.get_by_text("No batches yet.")).to_be_visible()
