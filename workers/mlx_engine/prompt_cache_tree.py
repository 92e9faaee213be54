"""PrefixTree: pieces of earlier sequences, found by their tokens, in a budget of bytes. Pure: knows nothing of MLX.

A radix tree a tenant: every path from the root spells tokens that some sequence began with, so that what sequences have
in common is held once, and any prefix of any of them can be found to the token.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic

import numpy as np

from workers.mlx_engine.prompt_cache_nodes import TOKEN_BYTES, Node, P, Root, S, below, way_to

PIECE_TOKENS = 256
"""A piece holds at most so many tokens: what is split or evicted at a time is never large."""
_SHARED_PART = 0.5
"""Of the budget, at most this much is kept back for what several sequences went on from in different ways."""
_SNAPSHOTS_KEPT = 3
"""In a row of snapshots that only one conversation uses, the older ones than these are of no more use."""


def pack(tokens: Iterable[int]) -> bytes:
    """Tokens as the tree compares them, four bytes each."""
    return array("I", tokens).tobytes()


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first `length` tokens of a key, which is whatever `pack` made; tenants, told apart by salt, share nothing."""

    salt: str
    key: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Hit(Generic[P, S]):
    """The first `length` tokens are known: these pieces one after another, of the last one perhaps only a part."""

    length: int
    pieces: tuple[P, ...] = ()
    snapshot: S | None = None


@dataclass(frozen=True, slots=True)
class Part(Generic[P]):
    """The tokens from `start` to `stop` of a piece, counted from its own first one."""

    piece: P
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """The tokens behind number `start` of a prefix are not in the tree any more."""

    prefix: Prefix
    start: int


class PrefixTree(Generic[P, S]):
    """`split` cuts a piece before its token number `at` into two that share no memory.

    With `needs_snapshots` a prefix is of use only up to where there is a snapshot.
    """

    def __init__(
        self, budget_bytes: int, split: Callable[[P, int], tuple[P, P]], *, needs_snapshots: bool = False
    ) -> None:
        self.budget_bytes = budget_bytes
        self.nbytes = 0
        self._split_piece = split
        self._needs_snapshots = needs_snapshots
        self._roots: dict[str, Root[P, S]] = {}
        # Both from the least recently used to the most. A node is moved to the end only together with its ancestors,
        # they behind it, so the first one never has children of its own kind: what is evicted is always a leaf.
        self._private: OrderedDict[Node[P, S], None] = OrderedDict()
        self._shared: OrderedDict[Node[P, S], None] = OrderedDict()
        self._shared_bytes = 0

    def __iter__(self) -> Iterator[Node[P, S]]:
        yield from self._private
        yield from self._shared

    def matched(self, prefix: Prefix) -> int:
        """How many of its tokens are in the tree."""
        return self._walk(prefix)[1]

    def find(self, prefix: Prefix) -> Hit[P, S]:
        """As much of it as can be used."""
        path, length = self._walk(prefix)
        if self._needs_snapshots:
            while path and (path[-1].end > length or path[-1].snapshot is None):
                length = path.pop().start
        self._touch(path)
        return Hit(
            length, tuple(node.piece for node in path), path[-1].snapshot if path and self._needs_snapshots else None
        )

    def parts(self, prefix: Prefix, start: int) -> list[Part[P]] | None:
        """What makes up its tokens behind number `start`, or None where not all is held. Doesn't count as a use."""
        path, length = self._walk(prefix)
        if length < prefix.length:
            return None
        return [
            Part(node.piece, max(0, start - node.start), min(node.end, length) - node.start)
            for node in path
            if node.end > start
        ]

    def add(
        self,
        prefix: Prefix,
        read: Callable[[int, int], P | None],
        *,
        writer: str = "",
        snapshot: S | None = None,
        is_pinned: bool = False,
    ) -> int:
        """Hold it as far as the budget goes; return how many of its tokens are new here.

        `read(start, stop)` brings a piece that is missing, or None where there is none to be had.
        """
        path, at = self._walk(prefix)
        stop = prefix.length
        if path and at < path[-1].end and (at < stop or snapshot is not None):
            path[-1] = self._split(path[-1], at)
        self._touch(path)
        added = 0
        while at < stop:
            until = min(stop, at + PIECE_TOKENS)
            piece = read(at, until)
            if piece is None:
                break
            tokens = prefix.key[at * TOKEN_BYTES : until * TOKEN_BYTES]
            if not self._make_room(piece.nbytes + len(tokens), path):
                break
            parent = path[-1] if path else self._roots.setdefault(prefix.salt, Root())
            path.append(self._attach(Node(parent, tokens, until, piece, writer)))
            added, at = added + until - at, until
        self._touch(path)
        if at == stop and path and snapshot is not None:
            self._take_snapshot(path, snapshot, is_pinned=is_pinned)
        return added

    def forget(self, writer: str) -> list[Dropped]:
        """Drop all that this sequence brought, and what others computed on top of it; say what that was."""
        dropped = []
        for node in [node for node in self if node.writer == writer]:
            for one in below(node):
                root, tokens = way_to(one)
                salt = next((salt for salt, other in self._roots.items() if other is root), "")
                dropped.append(Dropped(Prefix(salt, tokens, one.end), one.start))
            self._drop(node)
        return dropped

    def shrink(self, target_bytes: int) -> None:
        """Evict until no more than this is held."""
        while self.nbytes > target_bytes and (victim := self._victim(())) is not None:
            self._drop(victim)

    def _walk(self, prefix: Prefix) -> tuple[list[Node[P, S]], int]:
        """The nodes along its tokens, and how many tokens agree; the last node may agree in part."""
        path: list[Node[P, S]] = []
        key, stop = prefix.key, prefix.length
        at, node = 0, self._roots.get(prefix.salt)
        while node is not None and at < stop:
            offset = at * TOKEN_BYTES
            child = node.children.get(key[offset : offset + TOKEN_BYTES])
            if child is None:
                break
            path.append(child)
            if child.end > stop or not key.startswith(child.tokens, offset):
                at += agreeing(child.tokens, key[offset : stop * TOKEN_BYTES])
                break
            at, node = child.end, child
        return path, at

    def _touch(self, path: list[Node[P, S]]) -> None:
        for node in reversed(path):
            self._order(node).move_to_end(node)

    def _order(self, node: Node[P, S]) -> OrderedDict[Node[P, S], None]:
        return self._shared if node.is_shared else self._private

    def _enter(self, node: Node[P, S]) -> None:
        self._order(node)[node] = None
        self._count(node, node.nbytes)

    def _count(self, node: Node[P, S], nbytes: int) -> None:
        self.nbytes += nbytes
        if node.is_shared:
            self._shared_bytes += nbytes

    def _attach(self, node: Node[P, S]) -> Node[P, S]:
        """The caller touches the path afterwards, which puts ancestors behind their descendants."""
        node.parent.children[node.tokens[:TOKEN_BYTES]] = node
        self._enter(node)
        ancestor = node.parent
        if len(ancestor.children) > 1:
            while isinstance(ancestor, Node) and not ancestor.is_shared:
                self._move(ancestor, is_shared=True)
                ancestor = ancestor.parent
        return node

    def _move(self, node: Node[P, S], *, is_shared: bool) -> None:
        del self._order(node)[node]
        self._count(node, -node.nbytes)
        node.is_shared = is_shared
        self._enter(node)

    def _split(self, node: Node[P, S], at: int) -> Node[P, S]:
        """Cut a node in two and return the upper one; the lower one stays who it is, for its children's sake."""
        before = node.nbytes
        cut = at - node.start
        first, second = self._split_piece(node.piece, cut)
        upper = Node(node.parent, node.tokens[: cut * TOKEN_BYTES], at, first, node.writer, is_shared=node.is_shared)
        node.parent.children[upper.tokens[:TOKEN_BYTES]] = upper
        node.parent, node.tokens, node.piece = upper, node.tokens[cut * TOKEN_BYTES :], second
        upper.children[node.tokens[:TOKEN_BYTES]] = node
        self._count(node, node.nbytes - before)
        self._enter(upper)
        return upper

    def _make_room(self, nbytes: int, path: list[Node[P, S]]) -> bool:
        """Evict until so much more fits, sparing the path; False if it never will."""
        while self.nbytes + nbytes > self.budget_bytes:
            victim = self._victim(path)
            if victim is None:
                return False
            self._drop(victim)
        return True

    def _victim(self, path: Iterable[Node[P, S]]) -> Node[P, S] | None:
        while self._shared_bytes > self.budget_bytes * _SHARED_PART:
            self._move(next(iter(self._shared)), is_shared=False)
        for order in (self._private, self._shared):
            oldest = next(iter(order), None)
            if oldest is not None and oldest not in path:
                return oldest
        return None

    def _drop(self, node: Node[P, S]) -> None:
        """With all that hangs on it; nothing if it has gone already."""
        if node not in self._order(node):
            return
        parent = node.parent
        del parent.children[node.tokens[:TOKEN_BYTES]]
        for one in below(node):
            del self._order(one)[one]
            self._count(one, -one.nbytes)
        if not isinstance(parent, Node) and not parent.children:
            self._roots = {salt: root for salt, root in self._roots.items() if root is not parent}

    def _take_snapshot(self, path: list[Node[P, S]], snapshot: S, *, is_pinned: bool) -> None:
        node = path[-1]
        node.is_pinned = node.is_pinned or is_pinned
        if node.snapshot is None and self._make_room(snapshot.nbytes, path):
            self._set_snapshot(node, snapshot)
        passing = [one for one in path if one.snapshot is not None and not one.is_pinned and not one.is_shared]
        for one in passing[:-_SNAPSHOTS_KEPT]:
            self._set_snapshot(one, None)

    def _set_snapshot(self, node: Node[P, S], snapshot: S | None) -> None:
        before = node.nbytes
        node.snapshot = snapshot
        self._count(node, node.nbytes - before)


def agreeing(one: bytes, other: bytes) -> int:
    """How many tokens both begin with."""
    size = min(len(one), len(other)) // TOKEN_BYTES
    differs = np.frombuffer(one, np.uint32, size) != np.frombuffer(other, np.uint32, size)
    return int(differs.argmax()) if differs.any() else size
