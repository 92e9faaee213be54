"""Answers: how one model's tokens are read, by what each request planned."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

import orjson

from models.answer import AnswerSplitter, ForeignCall, Parse
from models.syntax import AnswerSyntax
from queue_config.request import AnswerPlan, GenerationRequest
from workers.output import OutputText, TokenDecoder
from workers.tool_ids import tool_id

Parser = Callable[[str, dict[str, Any]], list[ForeignCall]]
"""Calls out of a text in a format of its own; the second argument has each tool's schema, by name."""


class Tokens(Protocol):
    """What of a tokenizer reads answers."""

    @property
    def eos_ids(self) -> frozenset[int]: ...
    def decoder(self, prompt: Sequence[int] = (), markers: Iterable[str] = ()) -> TokenDecoder: ...


class Answers:
    """Threads may share it. Without `parser`, calls that aren't JSON are left out."""

    def __init__(self, tokenizer: Tokens, syntax: AnswerSyntax, parser: Parser | None = None) -> None:
        self._tokenizer = tokenizer
        self._syntax = syntax
        self._parser = parser

    def output_for(self, request: GenerationRequest) -> OutputText:
        plan = request.answer
        splitter = AnswerSplitter(
            self._syntax,
            tools=plan.tools,
            thinking=plan.thinking,
            max_calls=plan.max_calls,
            parse=self._parse(plan),
        )
        # Given the prompt, for an answer that goes on in the middle of a word.
        decoder = self._tokenizer.decoder(request.prompt, self._syntax.markers(calls=bool(plan.tools)))
        ids = partial(tool_id, request.id)
        return OutputText(decoder, self._tokenizer.eos_ids, request.sampling, splitter, ids)

    def _parse(self, plan: AnswerPlan) -> Parse | None:
        if self._parser is None or not plan.schemas:
            return None
        parser, schemas = self._parser, orjson.loads(plan.schemas)
        return lambda text: parser(text, schemas)
