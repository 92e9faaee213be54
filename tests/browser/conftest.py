"""The page in a real browser: over a real gunicorn and Redis, with a scripted worker."""

from collections.abc import Iterator

import pytest
import redis as redis_py
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.support.api_fake_worker import FakeWorker
from tests.support.api_server import ApiServer
from tests.support.chromium import chromium
from tests.support.live_report import Reporter

PATIENCE_MS = 30_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def server(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("server")
    with ApiServer(redis_url, folder / "api.log", home=folder) as server:
        yield server


@pytest.fixture
def worker(redis: redis_py.Redis, redis_url: str) -> Iterator[FakeWorker]:
    with FakeWorker(redis_url) as worker:
        yield worker


@pytest.fixture
def reporter(redis: redis_py.Redis, redis_url: str) -> Iterator[Reporter]:
    """In the place of a worker that takes anything."""
    with Reporter(redis_url) as reporter:
        yield reporter


@pytest.fixture
def context(browser: Browser, server: ApiServer) -> Iterator[BrowserContext]:
    """A fresh profile."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    with context:
        yield context


@pytest.fixture
def page(context: BrowserContext, redis: redis_py.Redis) -> Iterator[Page]:
    """An open page, in whose console there must be nothing to complain of."""
    page = context.new_page()
    complaints: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        # Not ready is an answer; the browser complains of its status all the same.
        if said.type in {"error", "warning"} and not said.location["url"].endswith("/health/ready"):
            complaints.append(said.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []
