"""OutputText: tokens in, pieces of the answer that are certain out; knows when the answer has ended. Pure."""

from collections.abc import Callable
from typing import Protocol

from models.answer import AnswerPart, AnswerSplitter, Called, Given, Said, Thought
from models.syntax import AnswerSyntax
from queue_config.events import Finished, StopReason
from queue_config.pieces import Piece, TextPiece, ThinkingPiece, ToolInput, ToolStart, joined
from queue_config.request import SamplingParams
from workers.stop_sequences import StopSequences


class TokenDecoder(Protocol):
    """Streaming detokeniser of one answer; `step` gives "" while a character is incomplete."""

    def step(self, token_id: int) -> str: ...
    def flush(self) -> str: ...


class OutputText:
    """One answer. Feed it every token in order; after it has returned a Finished, none.

    Replaying the same tokens gives the same pieces, which is how a resumed request finds its place; `tool_id` of a
    call's index must therefore always say the same. Without a splitter all is text.
    """

    def __init__(
        self,
        decoder: TokenDecoder,
        eos_ids: frozenset[int],
        sampling: SamplingParams,
        splitter: AnswerSplitter | None = None,
        tool_id: Callable[[int], str] = "toolu_{:024d}".format,
    ) -> None:
        self._decoder = decoder
        self._eos_ids = eos_ids
        self._max_tokens = sampling.max_tokens
        self._stops = StopSequences(sampling.stop)
        self._splitter = splitter or AnswerSplitter(AnswerSyntax())
        self._tool_id = tool_id
        self._calls = 0
        self._count = 0
        self._thinking = 0

    def push(self, token: int) -> tuple[tuple[Piece, ...], Finished | None]:
        """Return the pieces that became certain, and how the answer ended if it did."""
        self._count += 1
        if token in self._eos_ids:
            return self._end("tool_use" if self._splitter.called else "end_turn", cut=False)
        was_thinking = self._splitter.thinking
        parts = self._splitter.push(self._decoder.step(token))
        self._thinking += was_thinking or self._splitter.thinking
        pieces, stop = self._pieces(parts)
        if stop is not None:
            return joined(pieces), self._finished("stop_sequence", stop)
        if self._splitter.full:
            return joined(pieces), self._finished("tool_use")
        if self._count >= self._max_tokens:
            last, finished = self._end("max_tokens", cut=True)
            return joined([*pieces, *last]), finished
        return joined(pieces), None

    def _end(self, reason: StopReason, *, cut: bool) -> tuple[tuple[Piece, ...], Finished]:
        parts = self._splitter.push(self._decoder.flush())
        pieces, stop = self._pieces([*parts, *self._splitter.end(cut=cut)])
        if stop is not None:
            return joined(pieces), self._finished("stop_sequence", stop)
        # A call may have been told of only now.
        if reason == "end_turn" and self._splitter.called:
            reason = "tool_use"
        return joined([*pieces, TextPiece(self._stops.flush())]), self._finished(reason)

    def _pieces(self, parts: list[AnswerPart]) -> tuple[list[Piece], str | None]:
        """The same for the log, up to the stop sequence that ends it all, if one does."""
        pieces: list[Piece] = []
        for part in parts:
            if isinstance(part, Said):
                text, stop = self._stops.push(part.text)
                pieces.append(TextPiece(text))
                if stop is not None:
                    return pieces, stop
            else:
                pieces += [TextPiece(self._stops.flush()), self._piece(part)]
        return pieces, None

    def _piece(self, part: Thought | Called | Given) -> Piece:
        match part:
            case Thought(text):
                return ThinkingPiece(text)
            case Given(json):
                return ToolInput(json)
            case Called(name):
                self._calls += 1
                return ToolStart(self._tool_id(self._calls - 1), name)

    def _finished(self, reason: StopReason, stop: str | None = None) -> Finished:
        return Finished(reason, self._count, stop, thinking_tokens=self._thinking)
