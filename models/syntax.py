"""AnswerSyntax: how a model's answers mark thinking and calls of tools; what grammars force and the splitter reads."""

from dataclasses import dataclass
from typing import Literal

Body = Literal["object", "list", "named", "other"]


@dataclass(frozen=True, slots=True)
class ThinkSyntax:
    """`opening`, `inside`, thoughts, `inside`, `closing`, `after`, and then the answer."""

    opening: str = "<think>"
    closing: str = "</think>"
    inside: str = "\n"
    after: str = "\n\n"
    opened: bool = False
    """Where thinking is on, the prompt has written `opening` and `inside` already: the answer starts within."""


@dataclass(frozen=True, slots=True)
class CallSyntax:
    """One call is `opening`, `inside`, a body, `inside`, `closing`; `between` stands in front of each but a first word.

    Bodies: "object" is {NAME_KEY: "f", ARGUMENTS_KEY: {...}}; "list" is an array of such objects, one or more, after a
    single opening; "named" is f, `separator`, {...}; "other" is no JSON, and read by the parser called `parser`.
    JSON is spelled as `json.dumps` does. Markers that are special tokens of the model's are so in `Tokenizer.special`.
    """

    opening: str = "<tool_call>"
    """"" where nothing marks a call: then only an answer that begins with the body is one."""
    closing: str = "</tool_call>"
    """"" where the body's own end is the call's."""
    body: Body = "object"
    name_key: str = "name"
    arguments_key: str = "arguments"
    inside: str = "\n"
    between: str = "\n"
    """Between text and a call, and from one call (or list of calls) to the next."""
    separator: str = ""
    id_marker: str = ""
    """What an id follows that the model may write between the name and `separator`."""
    parser: str = ""
    optional: str = ""
    """A marker that the model may write in front of the body although the format does without."""


@dataclass(frozen=True, slots=True)
class AnswerSyntax:
    """Of one family. What `think` is None for can't think."""

    calls: CallSyntax = CallSyntax()
    think: ThinkSyntax | None = None

    def markers(self, *, calls: bool = True) -> set[str]:
        """What marks thinking, and `calls` if asked; tokens among these must show in an answer's text to be seen."""
        words = {self.think.opening, self.think.closing} if self.think else set()
        if calls:
            form = self.calls
            words |= {form.opening, form.closing, form.optional, form.separator, form.id_marker}
        return words - {""}


HERMES = CallSyntax()
"""As Qwen 2.5 and 3 write it, and what every model is told to write whose own template knows no tools."""
