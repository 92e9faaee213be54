"""What the two targets over HTTP have in common: their streams are read by threads of this process."""

import time
from functools import partial
from typing import Protocol

from tests.perf.bench.asks import Ask
from tests.perf.bench.streams import Stream, Together, Unfinished


class HttpTarget(Protocol):
    @property
    def name(self) -> str: ...

    def follow(self, ask: Ask, stream: Stream) -> None:
        """Ask, and note the answer's pieces in `stream` until it ends or the stream says stop."""

    def restart(self) -> None:
        """Begin anew, without what an unfinished cell has left behind."""

    def rest(self) -> bool:
        """Leave the device's memory to others until woken; False for one that does so by itself."""

    def wake(self) -> bool:
        """True if it rested, and so knows nothing of before."""


def rate(target: HttpTarget, asks: list[Ask], limit_s: float) -> float:
    """Tokens a second of all streams together, from the first request to the last end, prompts included as time."""
    streams = [Stream(limit_s) for _ in asks]
    started = time.monotonic()
    Together([partial(target.follow, ask, stream) for ask, stream in zip(asks, streams, strict=True)]).join(limit_s)
    took_s = time.monotonic() - started
    wanted = sum(ask.params.max_tokens for ask in asks)
    tokens = sum(stream.tokens for stream in streams)
    if tokens < 0.9 * wanted:
        raise Unfinished(f"answers ended after {tokens} of {wanted} tokens")
    return tokens / took_s


def first_s(target: HttpTarget, ask: Ask, limit_s: float) -> float:
    stream = Stream(limit_s)
    Together([partial(target.follow, ask, stream)]).join(limit_s)
    return stream.first_s
