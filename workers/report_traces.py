"""Traces: a worker's part of each request's trace: its wait, its prompt, and its tokens to the last one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from queue_config.event_log import Entry
from queue_config.events import TERMINAL, Delta, Failed
from queue_config.request import GenerationRequest
from queue_config.tracing import Tracing, ns

if TYPE_CHECKING:
    from opentelemetry.trace import Span


@dataclass(slots=True)
class _Open:
    """`part` is the span of what goes on now, below `whole`."""

    whole: "Span"
    part: "Span"
    parent: str
    tokens: int = 0


class Traces:
    """A Watcher of answers; only those are traced whose request came with a trace."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._open: dict[str, _Open] = {}

    def begun(self, request: GenerationRequest, now: float, *, is_resumed: bool) -> None:
        if not request.trace:
            return
        if not is_resumed:
            self._tracing.begin("queue", parent=request.trace, at=request.created_at).end(ns(now))
        about: dict[str, str | int] = {
            "pensieve.id": request.id,
            "pensieve.lane": request.lane,
            "gen_ai.request.model": request.model,
            "gen_ai.usage.input_tokens": len(request.prompt),
        }
        whole = self._tracing.begin("generate", parent=request.trace, at=now, attributes=about)
        part = self._tracing.begin("prefill", parent=request.trace, at=now)
        self._open[request.id] = _Open(whole, part, request.trace)

    def written(self, entries: Sequence[Entry], now: float) -> None:
        for entry in entries:
            traced = self._open.get(entry.job_id)
            if traced is None:
                continue
            if isinstance(entry.event, Delta):
                self._tokens(traced, len(entry.event.tokens), now)
            if isinstance(entry.event, TERMINAL):
                traced.whole.set_attribute("pensieve.outcome", type(entry.event).__name__.lower())
                if isinstance(entry.event, Failed):
                    traced.whole.set_attribute("error.type", entry.event.kind)
                self._end(entry.job_id, now)

    def forget(self, job_id: str) -> None:
        traced = self._open.get(job_id)
        if traced is not None:
            traced.whole.set_attribute("pensieve.outcome", "left to another worker")
            self._end(job_id, None)

    def _tokens(self, traced: _Open, count: int, now: float) -> None:
        if count and not traced.tokens:
            traced.part.end(ns(now))
            traced.part = self._tracing.begin("decode", parent=traced.parent, at=now)
        traced.tokens += count

    def _end(self, job_id: str, now: float | None) -> None:
        traced = self._open.pop(job_id)
        traced.whole.set_attribute("gen_ai.usage.output_tokens", traced.tokens)
        at = None if now is None else ns(now)
        traced.part.end(at)
        traced.whole.end(at)
