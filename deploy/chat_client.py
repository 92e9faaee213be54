"""A conversation with a running service over its own API, streamed."""

import http.client
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import orjson

from deploy.failure import Failure
from deploy.ports import reachable
from deploy.running import Running

_PATIENCE_S = 600.0


@dataclass(slots=True)
class Conversation:
    """What was said so far, as the Messages API has it."""

    running: Running
    api_key: str = ""
    system: str = ""
    max_tokens: int = 1024
    temperature: float | None = None
    """None is the model's own."""
    messages: list[dict[str, str]] = field(default_factory=list)

    def say(self, text: str) -> Generator[str]:
        """Send it and yield the answer's text as it comes. Raises Failure.

        Closed before its end, by Ctrl-C for one, the answer is cancelled, and stands as far as it came. Where there was
        no answer at all, nothing was said.
        """
        self.messages.append({"role": "user", "content": text})
        said: list[str] = []
        try:
            for piece in self._stream():
                said.append(piece)
                yield piece
        finally:
            if said:
                self.messages.append({"role": "assistant", "content": "".join(said)})
            else:
                self.messages.pop()

    def clear(self) -> None:
        self.messages.clear()

    def _stream(self) -> Iterator[str]:
        body = {
            "model": self.running.model_name,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "stream": True,
            "messages": self.messages,
            **({"system": self.system} if self.system else {}),
        }
        headers = {"content-type": "application/json"} | ({"x-api-key": self.api_key} if self.api_key else {})
        connection = http.client.HTTPConnection(reachable(self.running.host), self.running.port, timeout=_PATIENCE_S)
        with closing(connection):
            try:
                connection.request("POST", "/v1/messages", orjson.dumps(body), headers)
                response = connection.getresponse()
                if response.status != http.HTTPStatus.OK:
                    raise Failure(_refusal(response.status, response.read(100_000)))
                yield from texts(response)
            except (OSError, http.client.HTTPException) as error:
                raise Failure(f"The service does not answer ({error}); look at: pensieve status") from error


def texts(lines: Iterable[bytes]) -> Iterator[str]:
    """The text of a stream of events, to its end. Raises Failure if it ends in an error or in silence."""
    for line in lines:
        if not line.startswith(b"data: "):
            continue
        event = orjson.loads(line.removeprefix(b"data: "))
        match event["type"]:
            case "content_block_delta" if event["delta"]["type"] == "text_delta":
                yield event["delta"]["text"]
            case "message_stop":
                return
            case "error":
                raise Failure(event["error"]["message"])
    raise Failure("The answer broke off: the connection ended; look at: pensieve status")


def _refusal(status: int, body: bytes) -> str:
    try:
        return str(orjson.loads(body)["error"]["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"The service answered with HTTP {status}."
