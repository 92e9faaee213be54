"""LiveFeed: one reader per API process looks at queue and workers for all who watch."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import replace

from api.live_picture import RECENT_S, FirstTokens, LivePicture, Sample, first_tokens, median_since
from queue_config.connection import RedisError

EVERY_S = 0.25
"""As often as workers report."""
SAMPLE_EVERY_S = 1.0
HISTORY_S = 600
"""How far back the charts go; also for how long it goes on looking after the last watcher has left."""
TICK_S = 0.5

_logger = logging.getLogger(__name__)


class LiveFeed:
    """Starts its thread with the first watcher. `read` looks at Redis, and may raise RedisError."""

    def __init__(self, read: Callable[[], LivePicture]) -> None:
        self._read = read
        self._changed = threading.Condition()
        self._picture: LivePicture | None = None
        self._samples: deque[Sample] = deque(maxlen=round(HISTORY_S / SAMPLE_EVERY_S))
        self._firsts: deque[tuple[float, FirstTokens]] = deque()
        self._watchers = 0
        self._left_at = 0.0
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self) -> Generator[LivePicture | None]:
        """Each new picture, and None about every TICK_S while there is none."""
        self._enter()
        try:
            seen: LivePicture | None = None
            while not self._closed:
                with self._changed:
                    self._changed.wait_for(lambda: self._picture is not seen, timeout=TICK_S)  # noqa: B023 - called here
                    is_news, seen = self._picture is not seen, self._picture
                yield seen if is_news else None
        finally:
            self._leave()

    def history(self) -> list[Sample]:
        """One a second, oldest first; there are gaps where nobody had watched for long."""
        with self._changed:
            return [*self._samples]

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _enter(self) -> None:
        with self._changed:
            self._watchers += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="live feed", daemon=True)
                self._thread.start()

    def _leave(self) -> None:
        with self._changed:
            self._watchers -= 1
            self._left_at = time.monotonic()

    def _look(self) -> None:
        while self._is_wanted():
            try:
                self._take(self._read())
            except RedisError as error:
                _logger.warning("can't look at the queue: %s", error)
            # Unwatched it only keeps the charts going.
            time.sleep(EVERY_S if self._watchers else SAMPLE_EVERY_S)

    def _is_wanted(self) -> bool:
        with self._changed:
            wanted = self._watchers > 0 or time.monotonic() - self._left_at < HISTORY_S
            if self._closed or not wanted:
                self._thread = None
                return False
            return True

    def _take(self, picture: LivePicture) -> None:
        picture = replace(picture, first_token_s=self._first_token_s(picture))
        with self._changed:
            self._picture = picture
            if not self._samples or picture.at - self._samples[-1].at >= SAMPLE_EVERY_S:
                self._samples.append(Sample.of(picture))
            self._changed.notify_all()

    def _first_token_s(self, picture: LivePicture) -> float | None:
        now = first_tokens(picture.workers)
        if not self._firsts or picture.at - self._firsts[-1][0] >= SAMPLE_EVERY_S:
            self._firsts.append((picture.at, now))
        while len(self._firsts) > 1 and picture.at - self._firsts[0][0] > RECENT_S:
            self._firsts.popleft()
        return median_since(self._firsts[0][1], now)
