"""ConstraintFactory: the constraint of each request of one model, made from its plan."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Self

import llguidance

from models.prompt import Markup
from models.syntax import ThinkSyntax
from models.tokenizer import Tokenizer
from queue_config.request import GenerationRequest
from workers.constraint import Constraint
from workers.constraint_closing import Closing, reserve_tokens
from workers.constraint_grammar import GrammarConstraint, error_of
from workers.constraint_thinking import Both, ThinkingBudget
from workers.constraint_vocabulary import Vocabulary, VocabularyOnDemand

KEPT_GRAMMARS = 64
"""A client sends the same tools with each of its turns, and large ones take a tenth of a second to compile."""


_BEFORE = "."
_AROUND_THINKING = 16
"""Tokens that open it, or finish a character when it is to end."""


class ConstraintFactory:
    """Threads may share it."""

    def __init__(self, tokenizer: Tokenizer, content: str, think: ThinkSyntax | None) -> None:
        """`content` is the model's tokenizer.json; `think` how it thinks, if it can."""
        self._tokenizer = tokenizer
        self._vocabulary = VocabularyOnDemand(tokenizer, content)
        self._think = think
        self._lock = threading.Lock()
        self._compiled: OrderedDict[str, llguidance.LLMatcher] = OrderedDict()
        self._closing: Closing | None = None

    @classmethod
    def load(cls, model_dir: Path, tokenizer: Tokenizer, think: ThinkSyntax | None) -> Self:
        return cls(tokenizer, (model_dir / "tokenizer.json").read_text(), think)

    def constraint_for(self, request: GenerationRequest) -> Constraint | None:
        """None where the answer may be anything. Raises ValueError for a grammar that can't be compiled."""
        grammar = self._grammar(request)
        thinking = self._thinking(request)
        if grammar is not None and thinking is not None:
            return Both(grammar, thinking)
        return grammar or thinking

    def _grammar(self, request: GenerationRequest) -> GrammarConstraint | None:
        text = request.answer.grammar
        if not text:
            return None
        with self._lock:
            vocabulary = self._vocabulary.get()
            self._closing = self._closing or Closing(vocabulary)
            matcher = self._matcher(text, vocabulary)
        return GrammarConstraint(matcher, vocabulary, self._closing, text, request.sampling.max_tokens)

    def _matcher(self, grammar: str, vocabulary: Vocabulary) -> llguidance.LLMatcher:
        matcher = self._compiled.pop(grammar, None)
        if matcher is None:
            matcher = llguidance.LLMatcher(vocabulary.library, grammar, log_level=0)
            if matcher.is_error():
                raise ValueError(error_of(matcher))
        self._compiled[grammar] = matcher
        if len(self._compiled) > KEPT_GRAMMARS:
            self._compiled.popitem(last=False)
        return matcher

    def _thinking(self, request: GenerationRequest) -> ThinkingBudget | None:
        plan, think = request.answer, self._think
        if think is None or not plan.thinking:
            return None
        tokenizer = self._tokenizer
        end = _tokens_amid_text(tokenizer, think.inside + think.closing + think.after)
        budgets = [plan.thinking_budget] if plan.thinking_budget else []
        if plan.grammar:
            # Thoughts must be over before the grammar begins to hurry to the end of what follows them.
            most = request.sampling.max_tokens
            budgets.append(max(0, most - reserve_tokens(plan.grammar, most) - len(end) - _AROUND_THINKING))
        if not budgets:
            return None
        markers = (think.opening, think.closing)
        return ThinkingBudget(
            think, min(budgets), end, tokenizer.vocab_size, lambda: tokenizer.decoder(request.prompt, markers)
        )


def _tokens_amid_text(tokenizer: Tokenizer, text: str) -> list[int]:
    """Without the space that some tokenizers put in front of what they take for a beginning."""
    before = tokenizer.encode_text(_BEFORE)
    tokens = tokenizer.encode([Markup(_BEFORE + text)])
    return tokens[len(before) :] if tokens[: len(before)] == before else tokenizer.encode([Markup(text)])
