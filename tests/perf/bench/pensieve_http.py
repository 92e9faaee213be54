"""Pensieve over HTTP: a service of its own, started as a user starts it, asked through Anthropic's client."""

from pathlib import Path
from typing import Self

from anthropic import Anthropic

from tests.perf.bench.asks import Ask
from tests.perf.bench.report import CACHE_BYTES, PENSIEVE
from tests.perf.bench.streams import Stream
from tests.support.service import Service


class PensieveTarget:
    name = PENSIEVE

    def __init__(self, model: Path, home: Path, max_batch: int, limit_s: float) -> None:
        self._service = Service(
            home, model=model, max_batch=max_batch, cache_bytes=CACHE_BYTES, deadline_s=2 * limit_s, drain_s=2
        )
        self._model = model.name
        # One for all threads: it keeps a connection for each. Later versions of the API know no temperature.
        self._client = Anthropic(
            base_url=self._service.url,
            api_key="not needed",
            max_retries=0,
            timeout=limit_s,
            default_headers={"anthropic-version": "2023-06-01"},
        )

    def __enter__(self) -> Self:
        self._service.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._service.__exit__()

    def follow(self, ask: Ask, stream: Stream) -> None:
        params = ask.params
        # The client no longer knows these by name; the API does.
        body = {"temperature": params.temperature, "top_p": params.top_p, "top_k": params.top_k, "system": ask.system}
        with self._client.messages.create(
            model=self._model,
            max_tokens=params.max_tokens,
            messages=[{"role": "user", "content": ask.prompt}],
            stream=True,
            extra_body={name: value for name, value in body.items() if value != ""},
        ) as events:
            for event in events:
                if event.type == "content_block_delta" and event.delta.type == "text_delta" and event.delta.text:
                    # Empty where a silent stream opens its block early, so that no client gives up (decision 71).
                    stream.text()
                elif event.type == "message_delta":
                    stream.tokens = event.usage.output_tokens
                stream.check()

    def restart(self) -> None:
        """A request whose reader left would be dropped, but readers of a stalled cell may still be there."""
        self._service.__exit__()
        self._service.__enter__()

    def rest(self) -> bool:
        """Its worker gives back what is free when it has been idle for ten seconds."""
        return False

    def wake(self) -> bool:
        return False
