"""Pictures of every view for README and docs, of a page that talks to a scripted model: `make pictures`."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from queue_config.events import Delta, Event, Finished, Started
from queue_config.pieces import TextPiece, ThinkingPiece
from queue_config.report import RowReport
from queue_config.request import GenerationRequest
from tests.support.api_fake_worker import FakeWorker, script_of
from tests.support.api_server import ApiServer
from tests.support.chromium import chromium
from tests.support.live_report import Reporter, row
from tests.support.redis_server import RedisServer

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SIZES = {"desktop": (1280, 800), "phone": (390, 780)}
TALL_PX = 1_330
"""For the view that has most to show."""
LIVE_S = 45.0
"""How long the charts are filled before they are pictured."""

THOUGHT = "They want the idea and a small example. Buckets, a hash, collisions; then ten lines of Python."
ANSWER = """A **hash table** finds a value by its key in about the same time, however many there are. It turns the key
into a number, and the number into a place.

1. *Hash* the key: `hash("sky")` is some large number.
2. Take the remainder by the number of buckets: that is the place.
3. Two keys may share a bucket, so each bucket is a short list.

```python
class Table:
    def __init__(self, buckets: int = 8) -> None:
        self.buckets = [[] for _ in range(buckets)]

    def put(self, key: str, value: object) -> None:
        self.buckets[hash(key) % len(self.buckets)].append((key, value))

    def get(self, key: str) -> object:
        # Few share a bucket, so this is quick.
        return next(v for k, v in self.buckets[hash(key) % len(self.buckets)] if k == key)
```
"""
QUESTION = "Explain how a hash table works, with a small example in Python."
TITLES = ("What is the difference between weather and climate?", "Three ideas for dinner with chickpeas")


class Showman(FakeWorker):
    """Thinks and answers the one question well, and echoes all others."""

    def _events(self, request: GenerationRequest) -> Iterator[Event]:
        if script_of(request) != QUESTION:
            yield from super()._events(request)
            return
        yield Started(1, "scripted")
        words = ANSWER.split(" ")
        yield Delta((0,), (ThinkingPiece(THOUGHT),))
        for number, word in enumerate(words, start=1):
            time.sleep(0.01)
            yield Delta((number,), (TextPiece(f"{word} " if number < len(words) else word),))
        yield Finished("end_turn", len(words) + 1, thinking_tokens=1)


def chat(page: Page) -> None:
    page.goto("/")
    for text in (*TITLES, QUESTION):
        page.get_by_role("button", name="New chat").or_(page.locator(".composer textarea")).last.click()
        page.evaluate("location.hash = '#/chat'")
        expect(page.get_by_text("What is on your mind?")).to_be_visible()
        page.get_by_label("Your message").fill(text)
        page.keyboard.press("Enter")
        expect(page.locator(".figures")).to_be_visible(timeout=15_000)
    page.locator(".chat-scroll").evaluate("element => element.scrollTo(0, 0)")


def welcome(page: Page) -> None:
    page.evaluate("location.hash = '#/chat'")
    expect(page.get_by_text("What is on your mind?")).to_be_visible()


def settings(page: Page) -> None:
    welcome(page)
    page.get_by_role("button", name="Settings").click()


def close_settings(page: Page) -> None:
    page.keyboard.press("Escape")


def live(page: Page) -> None:
    page.evaluate("location.hash = '#/live'")
    expect(page.locator("canvas")).to_have_count(4)
    expect(page.locator(".bar").first).to_be_visible()
    time.sleep(1.5)


def jobs(page: Page) -> None:
    page.evaluate("location.hash = '#/jobs'")
    expect(page.locator(".card-line").first).to_be_visible()


def batch(page: Page) -> None:
    page.evaluate("location.hash = '#/batches'")
    page.locator(".card-main").first.click()
    expect(page.get_by_role("button", name="Results")).to_be_visible()


VIEWS: dict[str, Callable[[Page], None]] = {
    "chat": chat,
    "welcome": welcome,
    "settings": settings,
    "live": live,
    "jobs": jobs,
    "batch": batch,
}


def a_batch_at_work(moment: float) -> list[RowReport]:
    """A few tens of sequences that have come a little further with every moment, in seconds."""
    chance = Random(7)
    rows = []
    for number in range(11):
        age_s = (moment + number * 2.1) % 23
        prompt = chance.choice((400, 1_800, 7_200))
        read_s = prompt / 2_400
        is_reading = age_s < read_s
        rows.append(
            row(
                number,
                "waiting" if age_s < 0.2 else "prefilling" if is_reading else "decoding",
                id=f"msg_{chance.getrandbits(96):024x}",
                lane=chance.choice(("interactive", "interactive", "background", "batch")),
                prompt_tokens=prompt,
                prefilled_tokens=round(prompt * min(1.0, age_s / read_s)),
                cached_tokens=prompt // 2 if number % 3 == 0 else 0,
                output_tokens=0 if is_reading else round((age_s - read_s) * 24) + 1,
                max_tokens=600,
                accepted_at=time.time() - age_s,
            )
        )
    return rows


def keep_busy(reporter: Reporter, is_over: threading.Event) -> None:
    chance = Random(1)
    began_at = time.monotonic()
    while not is_over.wait(0.25):
        busy_s = time.monotonic() - began_at
        busy = a_batch_at_work(busy_s)
        load = chance.uniform(0.85, 1.1)
        reporter.first_tokens = reporter.first_tokens.observed(chance.choice((0.15, 0.3, 0.3, 0.5)))
        reporter.say(
            *busy,
            decode_tokens_per_s=24.0 * load * sum(r.state == "decoding" for r in busy),
            prefill_tokens_per_s=2_300.0 * load if any(r.state == "prefilling" for r in busy) else 0.0,
            cache_bytes=round(600_000_000 + 4_000_000 * busy_s),
        )


def picture(page: Page, name: str) -> None:
    """Lossless, and smaller than a PNG."""
    shot = Image.open(io.BytesIO(page.screenshot()))
    packed = io.BytesIO()
    shot.convert("RGB").save(packed, "WEBP", lossless=True, quality=100, method=6)
    (FOLDER / f"{name}.webp").write_bytes(packed.getvalue())


def take_all(browser: Browser, url: str) -> None:
    for device, (width, height) in SIZES.items():
        is_phone = device == "phone"
        context = browser.new_context(
            base_url=url,
            viewport={"width": width, "height": height},
            device_scale_factor=2 if is_phone else 1,
            is_mobile=is_phone,
            has_touch=is_phone,
        )
        with context:
            take(context, device)


def take(context: BrowserContext, device: str) -> None:
    page = context.new_page()
    for view, show in VIEWS.items():
        width, height = SIZES[device]
        page.set_viewport_size({"width": width, "height": TALL_PX if (view, device) == ("live", "desktop") else height})
        show(page)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.wait_for_timeout(300)
            picture(page, f"{view}-{device}-{theme}")
        if view == "settings":
            close_settings(page)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as home, RedisServer() as redis, Reporter(redis.url) as reporter:
        log = Path(home) / "api.log"
        with Showman(redis.url), ApiServer(redis.url, log, home=home) as server, chromium() as browser:
            watcher = browser.new_page(base_url=server.url)
            watcher.goto("/#/live")
            ask(watcher)
            is_over = threading.Event()
            busy = threading.Thread(target=keep_busy, args=(reporter, is_over))
            busy.start()
            time.sleep(LIVE_S)
            try:
                take_all(browser, server.url)
            finally:
                is_over.set()
                busy.join()


def ask(page: Page) -> None:
    """Jobs and a batch for the lists."""
    model = page.request.get("/v1/models").json()["data"][0]["id"]

    def body(text: str) -> dict[str, object]:
        return {"model": model, "max_tokens": 200, "messages": [{"role": "user", "content": text}]}

    for text in ("Summarise the minutes", "fail api_error", "Translate the letter", "hang", "Sort the list"):
        page.request.post("/v1/jobs", data=body(text))
    texts = ("The invoice is correct.", "fail api_error", "The parcel arrived late.", "A refund is due.")
    requests = [{"custom_id": f"review-{number}", "params": body(text)} for number, text in enumerate(texts, start=1)]
    page.request.post("/v1/messages/batches", data={"requests": requests})


if __name__ == "__main__":
    main()
