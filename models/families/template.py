"""Any model's own Jinja chat template as a family: rendered in a sandbox, without ever seeing people's words."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from models.conversation import Conversation
from models.errors import PromptRejected
from models.families.bounded_jinja import TemplateTooLong
from models.families.jinja import ChatTemplate, compiled
from models.families.masks import Masks
from models.families.messages import Message, Messages
from models.families.tools import in_order, spelled_out, words_in_results
from models.families.turns import join, split_last_answer
from models.prompt import Markup, Segment
from models.syntax import AnswerSyntax, CallSyntax, ThinkSyntax

__all__ = ["Message", "TemplateFamily", "compiled"]


class TemplateStopped(PromptRejected):
    """It would not end; in other words neither."""


@dataclass(frozen=True, slots=True)
class TemplateFamily:
    """Each text is replaced by a random word, so neither a role nor a token can be forged through the template."""

    template: ChatTemplate
    tokens: dict[str, str] = field(default_factory=dict)
    """`bos_token` and its like, which templates name."""
    calls: CallSyntax | None = None
    """How the template writes calls; None where it knows no tools, or writes what we can't read."""
    think: ThinkSyntax | None = None
    name: str = "template"

    @property
    def syntax(self) -> AnswerSyntax:
        return AnswerSyntax(self.calls or CallSyntax(), self.think)

    def render(self, conversation: Conversation) -> list[Segment]:
        refusal: PromptRejected | None = None
        for (version, strict), in_parts in product(self._ever_plainer(conversation), (False, True)):
            try:
                return self._render(version, in_parts=in_parts, strict=strict)
            except TemplateStopped:
                raise
            except PromptRejected as error:
                refusal = refusal or error
        raise refusal or AssertionError("there is always one version")

    def render_text(
        self,
        messages: list[Message],
        *,
        answer_follows: bool,
        tools: list[Message] | None = None,
        thinking: bool = False,
    ) -> str:
        """The template's own output, people's words and all: what the other families are compared with."""
        try:
            return self.template.render(
                messages=messages,
                tools=tools,
                add_generation_prompt=answer_follows,
                enable_thinking=thinking,
                **self.tokens,
            )
        except TemplateTooLong as error:
            raise TemplateStopped(f"the model's chat template was stopped: {error}") from error
        except Exception as error:
            # Mostly the template's own refusal; but it is a stranger's program, and may fail in any way.
            raise PromptRejected(f"the model's chat template refuses this conversation: {error}") from error

    def _ever_plainer(self, conversation: Conversation) -> Iterator[tuple[Conversation, bool]]:
        """Many templates refuse or drop system prompts, later ones above all; the user's words can still say them.

        The second value is whether all must show.
        """
        versions = [(spelled_out(conversation, thinks=self.think is not None), True)]
        if self.calls:
            native = in_order(conversation.merged())
            in_results = words_in_results(native)
            versions = [(native, True), (in_results, True), (native, False), (in_results, False), *versions]
        for version, strict in versions:
            yield version, strict
            yield version.without_system_turns(), strict
            yield version.without_system(), strict

    def _render(self, conversation: Conversation, *, in_parts: bool, strict: bool) -> list[Segment]:
        masks = Masks()
        messages = Messages(masks, self.syntax, in_parts=in_parts, strict=strict)
        goes_on = split_last_answer(conversation)[1] is not None
        rendered = self.render_text(
            messages.all_of(conversation),
            answer_follows=not goes_on,
            tools=messages.tools(conversation.tools),
            thinking=conversation.thinking,
        )
        if goes_on:
            cut = masks.cut_after_last(rendered)
            if cut is None:
                raise PromptRejected("this model's chat template can't go on from a given start of the answer")
            rendered = cut
        if not masks.all_shown(rendered):
            raise PromptRejected("the model's chat template leaves a part of this conversation out")
        closing = "" if goes_on or conversation.thinking else self._unthought(rendered)
        return join(iter([*masks.unmasked(rendered), Markup(closing)]))

    def _unthought(self, rendered: str) -> str:
        """What ends a block of thinking that the template opens unasked."""
        think = self.think
        if think is None or not think.opened or not rendered.endswith(think.opening + think.inside):
            return ""
        return think.inside + think.closing + think.after
