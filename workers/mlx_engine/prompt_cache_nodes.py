"""Node: some tokens in the prompt cache's tree, what was computed of them, and what follows."""

from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

TOKEN_BYTES = 4
"""Tokens are compared, and lie in a node, as four bytes each."""


class Piece(Protocol):
    @property
    def nbytes(self) -> int: ...


class Snapshot(Protocol):
    @property
    def nbytes(self) -> int: ...


P = TypeVar("P", bound=Piece)
S = TypeVar("S", bound=Snapshot)


@dataclass(slots=True, eq=False, kw_only=True)
class Root(Generic[P, S]):
    """Where a tenant's prefixes begin."""

    children: dict[bytes, "Node[P, S]"] = field(default_factory=dict)
    """By their first token."""


@dataclass(slots=True, eq=False)
class Node(Root[P, S]):
    """Some tokens behind its parent's."""

    parent: Root[P, S]
    tokens: bytes
    end: int
    """How many tokens there are from the root to here."""
    piece: P
    writer: str
    """The sequence that brought it."""
    snapshot: S | None = None
    """What can't be cut out of a later state: only a sequence that agrees up to here, exactly, can use it."""
    is_pinned: bool = False
    """Its snapshot outlives those that follow it in the same conversation."""
    is_shared: bool = False
    """Sequences went on from here in different ways; then so they did from every ancestor."""

    @property
    def start(self) -> int:
        return self.end - len(self.tokens) // TOKEN_BYTES

    @property
    def nbytes(self) -> int:
        return len(self.tokens) + self.piece.nbytes + (0 if self.snapshot is None else self.snapshot.nbytes)


def below(node: Node[P, S]) -> list[Node[P, S]]:
    """With all that hangs on it, itself first."""
    found = [node]
    for one in found:
        found.extend(one.children.values())
    return found


def way_to(node: Node[P, S]) -> tuple[Root[P, S], bytes]:
    """Its root, and all tokens from there to its end."""
    tokens = [node.tokens]
    above = node.parent
    while isinstance(above, Node):
        tokens.append(above.tokens)
        above = above.parent
    return above, b"".join(reversed(tokens))
