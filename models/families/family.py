"""Family: a way of writing a conversation as a prompt."""

from typing import Protocol

from models.conversation import Conversation
from models.prompt import Segment
from models.syntax import AnswerSyntax


class Family(Protocol):
    """Pure; may be shared by threads."""

    @property
    def name(self) -> str: ...

    @property
    def syntax(self) -> AnswerSyntax:
        """How its answers mark thinking and calls."""

    def render(self, conversation: Conversation) -> list[Segment]:
        """The prompt up to where the answer starts, or goes on after a prefill.

        Raises PromptRejected if the format has no way to say it.
        """
