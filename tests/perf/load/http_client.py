"""A client over bare sockets: hundreds of exchanges at once cost its process little, and every moment is noted."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson

HOST = "127.0.0.1"
PATIENCE_S = 60.0


@dataclass(slots=True)
class Answer:
    """One that has begun: its head is there. Milliseconds count from when its connection was asked for."""

    status: int
    headers: dict[str, str]
    """By their lower-case names."""
    head_ms: float
    reader: asyncio.StreamReader = field(repr=False)

    async def pieces(self) -> AsyncIterator[bytes]:
        """What comes, as it comes; of server-sent events each is one or a few. Raises EOFError where it is cut."""
        if "content-length" in self.headers:
            yield await self.reader.readexactly(int(self.headers["content-length"]))
            return
        while size := int(await self.reader.readline() or b"cut", 16):
            yield (await self.reader.readexactly(size + 2))[:-2]

    async def body(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    took_ms: float


def head_of(method: str, path: str, content: bytes = b"", **headers: str) -> bytes:
    named = {
        "Host": "localhost",
        "Content-Type": "application/json",
        **{name.replace("_", "-"): text for name, text in headers.items()},
        "Content-Length": str(len(content)),
    }
    return "\r\n".join(
        [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in named.items()), "", ""]
    ).encode("latin-1")


@asynccontextmanager
async def sent(port: int, content: bytes) -> AsyncIterator[Answer]:
    """Send these bytes over a connection of their own. Raises OSError, or EOFError where no answer comes."""
    began_at = time.monotonic()
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(content)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        status, headers = _read_head(head)
        yield Answer(status, headers, (time.monotonic() - began_at) * 1000, reader)
    finally:
        writer.close()


@asynccontextmanager
async def asked(port: int, method: str, path: str, body: object = None, **headers: str) -> AsyncIterator[Answer]:
    content = b"" if body is None else orjson.dumps(body)
    async with sent(port, head_of(method, path, content, **headers) + content) as answer:
        yield answer


async def ask(port: int, method: str, path: str, body: object = None, **headers: str) -> Reply:
    began_at = time.monotonic()
    async with asked(port, method, path, body, **headers) as answer:
        content = await answer.body()
    return Reply(answer.status, answer.headers, content, (time.monotonic() - began_at) * 1000)


def _read_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split()[1]), {name.lower(): text.strip() for name, _, text in pairs}
