"""A server that asks for a key, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py
from playwright.sync_api import Browser, Page, expect

from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL
from tests.support.api_server import ApiServer

KEY = "a key to remember"


@pytest.fixture
def server(redis_url: str, tmp_path: Path) -> Iterator[ApiServer]:
    with ApiServer(redis_url, tmp_path / "api.log", home=tmp_path, api_key=KEY) as server:
        yield server


def give(page: Page, key: str, *, keep: bool = False) -> None:
    page.get_by_role("textbox", name="Key").fill(key)
    page.get_by_label("Remember it").set_checked(keep)
    page.get_by_role("button", name="Use this key").click()


def test_it_is_asked_for_once_and_kept_only_as_long_as_wished(
    browser: Browser, server: ApiServer, redis: redis_py.Redis, worker: FakeWorker
) -> None:
    with browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        page.goto("/")
        give(page, "a wrong one")
        expect(page.get_by_role("alert")).to_contain_text("not accepted")
        give(page, KEY)
        expect(page.get_by_role("combobox", name="Model")).to_have_value(MODEL)
        page.reload()
        expect(page.get_by_role("combobox", name="Model")).to_have_value(MODEL)
        other = context.new_page()
        other.goto("/")
        give(other, KEY, keep=True)
        expect(other.get_by_role("combobox", name="Model")).to_have_value(MODEL)
        third = context.new_page()
        third.goto("/")

        expect(third.get_by_role("combobox", name="Model")).to_have_value(MODEL)
        expect(third.get_by_role("dialog")).to_have_count(0)
