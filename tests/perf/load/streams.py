"""Streams that are read while something else is done to the service: when each of their words came."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from tests.perf.bench.streams import Stream, p99
from tests.perf.load.http_client import Answer, asked

STREAMS = 8


@dataclass(slots=True)
class Listener:
    """Reads one answer of /v1/messages."""

    times: Stream
    text: str = ""
    end: str = "silence"
    """The type of the last event."""

    async def listen(self, port: int, body: dict[str, Any], **headers: str) -> None:
        async with asked(port, "POST", "/v1/messages", body | {"stream": True}, **headers) as answer:
            if answer.status == 200:
                await self.read(answer)
            else:
                self.end = f"status {answer.status}"

    async def read(self, answer: Answer) -> None:
        async for piece in answer.pieces():
            for event in piece.split(b"\n\n"):
                if event:
                    self._take(orjson.loads(event.partition(b"\ndata: ")[2]))

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "content_block_delta" and frame["delta"].get("text"):
            self.text += frame["delta"]["text"]
            self.times.text()
        elif frame["type"] in {"message_stop", "error"}:
            self.end = frame["type"]


@asynccontextmanager
async def listening(port: int, bodies: Sequence[dict[str, Any]], **headers: str) -> AsyncIterator[list[Listener]]:
    """All of them running, with words of each heard already; left where they are at the end."""
    listeners = [Listener(Stream(limit_s=3600.0)) for _ in bodies]
    tasks = [
        asyncio.create_task(listener.listen(port, body, **headers))
        for listener, body in zip(listeners, bodies, strict=True)
    ]
    try:
        while not all(listener.text or task.done() for listener, task in zip(listeners, tasks, strict=True)):
            await asyncio.sleep(0.02)
        if not all(listener.text for listener in listeners):
            raise RuntimeError(f"streams said nothing: {[listener.end for listener in listeners]}")
        yield listeners
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def gap_p99_ms(listeners: Sequence[Listener], *spans: tuple[float, float]) -> float:
    """Between words of which the second came in one of the spans of time."""
    return p99([gap for listener in listeners for span in spans for gap in listener.times.gaps_ms(*span)])
