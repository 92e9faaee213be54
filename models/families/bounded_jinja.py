"""A Jinja sandbox whose templates come to an end: each may take so much of the processor's time, and make so much text.

A template is a stranger's program. Every turn of a loop and every call looks at the clock; what makes a long text of
short ones is weighed first, and what pads a text, which no chat template needs, is gone. One that is bent on it can
still fill memory, with lists of long texts.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, cast

from jinja2 import Template, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

CPU_S = 5.0
"""Of the rendering thread, per render; 100,000 messages take 1.6 s. Waiting for others does not count."""
LONGEST_TEXT = 16_000_000
"""Characters. People's words are not among them: templates see short words in their place."""
LARGEST_POWER = 64
_LOOKS = 32
_PADDING = frozenset({"center", "expandtabs", "format", "format_map", "ljust", "rjust", "translate", "zfill"})
_GONE_FILTERS = ("batch", "center", "format", "indent", "slice", "wordwrap", "xmlattr")
_TURN, _JOINED = "_turn", "_joined"


class TemplateTooLong(SecurityError):
    """It would take too long, or write too much."""


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Threads may share it."""

    intercepted_binops = frozenset({"*", "**", "+", "%"})

    def __init__(self, cpu_s: float = CPU_S, **options: Any) -> None:
        super().__init__(**options)
        self._cpu_s = cpu_s
        self._clock = threading.local()
        for name in _GONE_FILTERS:
            del self.filters[name]
        del self.globals["lipsum"]
        self.filters = {name: self._watched(name, made) for name, made in self.filters.items()}
        self.filters |= {_TURN: self._turns, _JOINED: _joined}

    def write(self, template: Template, **given: Any) -> str:
        """Render it. Raises TemplateTooLong, or whatever a stranger's program may."""
        self._clock.ends_at, self._clock.looks = time.thread_time() + self._cpu_s, 0
        length, pieces = 0, []
        for piece in template.generate(**given):
            self._look_at_the_clock()
            length += len(piece)
            _check(length)
            pieces.append(piece)
        return "".join(pieces)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        self._look_at_the_clock()
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, str):
            _check_method(owner, getattr(obj, "__name__", ""), args)
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "+" and not numbers:
            _check(len(left) + len(right))
        elif operator == "*" and not numbers:
            _check(left * len(right) if isinstance(left, int) else len(left) * right)
        elif not numbers or (operator == "**" and abs(right) > LARGEST_POWER):
            raise TemplateTooLong(f"{operator} is not for these")
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, int):
            _check(result.bit_length())
        return result

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:  # noqa: ARG002
        """None: then `format` is looked at like any other method."""
        return None

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not (isinstance(obj, str) and attr in _PADDING) and super().is_safe_attribute(obj, attr, value)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Watching(self).visit(super()._parse(source, name, filename))
        return tree

    def _look_at_the_clock(self) -> None:
        clock = self._clock
        # What is constant is reckoned out when the template is compiled, where no clock runs.
        clock.looks = getattr(clock, "looks", 0) + 1
        # It is a system call.
        if clock.looks % _LOOKS == 0 and time.thread_time() > getattr(clock, "ends_at", float("inf")):
            raise TemplateTooLong(f"it takes longer than {self._cpu_s:g} s")

    def _turns(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._look_at_the_clock()
            yield item

    def _watched(self, name: str, made: Callable[..., Any]) -> Callable[..., Any]:
        # Jinja gives some of them something of its own first.
        own = 1 if hasattr(made, "jinja_pass_arg") else 0

        @wraps(made)
        def watched(*args: Any, **kwargs: Any) -> Any:
            self._look_at_the_clock()
            if name == "join":
                args = (*args[:own], list(args[own]), *args[own + 1 :])
                _check_method(args[own + 1] if args[own + 1 :] else "", name, (args[own],))
            elif name == "replace":
                _check_method(args[own], name, args[own + 1 :])
            result = made(*args, **kwargs)
            return self._turns(result) if isinstance(result, Iterator) else result

        return watched


class _Watching(NodeTransformer):
    """Puts a look at the clock into every loop, and weighs what every `a ~ b` joins."""

    def __init__(self, environment: BoundedEnvironment) -> None:
        self._environment = environment

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - jinja2 names it
        if node.recursive:
            raise SecurityError("recursive loops are not for chat templates")
        self.generic_visit(node)
        node.iter = self._through(_TURN, cast(nodes.Expr, node.iter))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._through(_JOINED, nodes.List(node.nodes, lineno=node.lineno, environment=self._environment))

    def _through(self, name: str, node: nodes.Expr) -> nodes.Filter:
        return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=self._environment)


def _joined(texts: list[Any]) -> str:
    made = list(map(str, texts))
    _check(sum(map(len, made)))
    return "".join(made)


def _check_method(text: str, name: str, args: tuple[Any, ...]) -> None:
    """Those of a text's that can make much of little in one step."""
    match name, args:
        case "replace", (old, new, *_):
            _check(len(text) + str(text).count(str(old)) * len(str(new)))
        case "join", (list() | tuple() as items, *_):
            _check(sum(len(str(item)) + len(text) for item in items))


def _check(length: int) -> None:
    if length > LONGEST_TEXT:
        raise TemplateTooLong(f"it writes more than {LONGEST_TEXT} characters")
