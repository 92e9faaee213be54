"""The tree of prefixes against a plain list of what went in: nothing false, nothing lost too soon, books exact."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.mlx_engine.prompt_cache_nodes import Node
from workers.mlx_engine.prompt_cache_tree import PIECE_TOKENS, Prefix, PrefixTree, pack

ROOMY = 10**9
TOKEN_COST = 10


@dataclass(frozen=True, slots=True)
class Letters:
    """A piece that is what it stands for."""

    text: str

    @property
    def nbytes(self) -> int:
        return (TOKEN_COST - 4) * len(self.text)

    def split(self, at: int) -> "tuple[Letters, Letters]":
        return Letters(self.text[:at]), Letters(self.text[at:])


@dataclass(frozen=True, slots=True)
class State:
    text: str
    nbytes: int = 0


Tree = PrefixTree[Letters, State]


def prefix(text: str, salt: str = "", length: int | None = None) -> Prefix:
    return Prefix(salt, pack(map(ord, text)), len(text) if length is None else length)


def tree(budget_tokens: int = ROOMY, *, needs_snapshots: bool = False) -> Tree:
    return PrefixTree(budget_tokens * TOKEN_COST, Letters.split, needs_snapshots=needs_snapshots)


def add(to: Tree, text: str, salt: str = "", writer: str = "", state: State | None = None, *, pin: bool = False) -> int:
    return to.add(
        prefix(text, salt),
        lambda start, stop: Letters(text[start:stop]),
        writer=writer,
        snapshot=state,
        is_pinned=pin,
    )


def find(where: Tree, text: str, salt: str = "") -> str:
    """What is found of it, read out of the pieces."""
    hit = where.find(prefix(text, salt))
    read = "".join(piece.text for piece in hit.pieces)
    assert len(read) >= hit.length
    return read[: hit.length]


def held(of: Tree) -> int:
    """Tokens, counted one node at a time."""
    total = sum(node.nbytes for node in of)
    assert total == of.nbytes
    return total // TOKEN_COST


def common(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


texts = st.text("ab", max_size=12)
steps = st.lists(st.tuples(st.booleans(), st.sampled_from(["", "x"]), texts), max_size=30)


@given(steps)
def test_with_room_enough_the_longest_common_prefix_is_found_and_nothing_is_held_twice(
    script: list[tuple[bool, str, str]],
) -> None:
    ours = tree()
    known: set[tuple[str, str]] = set()
    for is_new, salt, text in script:
        prefixes = {(salt, text[:end]) for end in range(1, len(text) + 1)}
        if is_new:
            assert add(ours, text, salt) == len(prefixes - known)
            known |= prefixes
        else:
            assert (salt, find(ours, text, salt)) in known | {(salt, "")}
            assert len(find(ours, text, salt)) == len(prefixes & known)

        assert held(ours) == len(known)


@given(st.integers(1, 30), steps)
def test_the_budget_is_kept_and_what_is_found_is_true(budget: int, script: list[tuple[bool, str, str]]) -> None:
    ours = tree(budget)
    added: list[tuple[str, str]] = []
    for is_new, salt, text in script:
        if is_new:
            add(ours, text, salt)
            added.append((salt, text))
        found = find(ours, text, salt)

        assert held(ours) <= budget
        assert text.startswith(found)
        assert len(found) <= max((common(text, other) for kind, other in added if kind == salt), default=0)


@given(st.integers(1, 30), steps, st.sampled_from(["a", "b"]))
def test_what_a_failed_sequence_brought_is_gone_with_all_that_was_computed_on_it(
    budget: int, script: list[tuple[bool, str, str]], failed: str
) -> None:
    ours = tree(budget)
    for number, (_, salt, text) in enumerate(script):
        add(ours, text, salt, writer="ab"[number % 2])
    ours.forget(failed)

    assert all(node.writer != failed for node in ours)
    assert all(not isinstance(node.parent, Node) or node.parent in set(ours) for node in ours)
    assert held(ours) <= budget


def test_the_least_recently_used_end_goes_first() -> None:
    ours = tree(9)
    add(ours, "abc")
    add(ours, "bcd")
    add(ours, "cde")
    find(ours, "abc")
    add(ours, "def")

    assert [find(ours, text) for text in ("abc", "bcd", "cde", "def")] == ["abc", "", "cde", "def"]


def test_a_shared_beginning_outlives_newer_ones_that_nobody_shares() -> None:
    ours = tree(12)
    add(ours, "SSSSone")
    add(ours, "SSSStwo")
    for stranger in ("aaaa", "bbbb", "cccc", "dddd"):
        add(ours, stranger)

    assert find(ours, "SSSSnew") == "SSSS"


def test_shared_beginnings_cannot_hold_more_than_half_of_it_for_ever() -> None:
    ours = tree(40)
    for letter in "abcde":
        add(ours, letter * 7 + "X")
        add(ours, letter * 7 + "Y")
    add(ours, "n" * 20)

    assert find(ours, "n" * 20) == "n" * 20
    assert find(ours, "e" * 7) == "e" * 7
    assert find(ours, "a" * 7) == ""


def test_a_prompt_larger_than_the_budget_is_held_as_far_as_it_fits() -> None:
    ours = tree(PIECE_TOKENS + 5)
    text = "ab" * PIECE_TOKENS

    assert add(ours, text) == PIECE_TOKENS
    assert find(ours, text) == text[:PIECE_TOKENS]


def test_where_nothing_may_be_held_nothing_is() -> None:
    ours = tree(0)

    assert (add(ours, "abc"), find(ours, "abc"), ours.nbytes) == (0, "", 0)


def test_a_piece_that_cannot_be_read_ends_what_is_added() -> None:
    ours = tree()
    text = "a" * (PIECE_TOKENS + 9)
    added = ours.add(prefix(text), lambda start, stop: None if start else Letters(text[:stop]))

    assert (added, held(ours)) == (PIECE_TOKENS, PIECE_TOKENS)


def test_tenants_share_nothing() -> None:
    ours = tree()
    add(ours, "abc", salt="mine")

    assert (find(ours, "abc", "mine"), find(ours, "abc", "yours"), find(ours, "abc")) == ("abc", "", "")


def test_shrinking_gives_back_what_is_least_useful() -> None:
    ours = tree()
    add(ours, "SSSSone")
    add(ours, "SSSStwo")
    ours.shrink(5 * TOKEN_COST)

    assert (find(ours, "SSSStwo"), held(ours)) == ("SSSS", 4)


def test_with_snapshots_only_their_places_can_be_gone_on_from() -> None:
    ours = tree(needs_snapshots=True)
    add(ours, "ab", state=State("ab"))
    add(ours, "abcd", state=State("abcd"))
    add(ours, "abcdef")
    found = [ours.find(prefix(text)) for text in ("abcdef", "abcx", "ax", "abcd")]

    assert [(hit.length, hit.snapshot) for hit in found] == [
        (4, State("abcd")), (2, State("ab")), (0, None), (4, State("abcd")),
    ]  # fmt: skip


def test_a_snapshot_inside_a_piece_cuts_it() -> None:
    ours = tree(needs_snapshots=True)
    add(ours, "abcdef")
    add(ours, "abc", state=State("abc"))

    assert (find(ours, "abcdef"), held(ours)) == ("abc", 6)


def test_old_snapshots_of_one_conversation_make_way_but_not_the_one_for_others() -> None:
    ours = tree(needs_snapshots=True)
    text = "abcdefghij"
    for end in range(1, 9):
        add(ours, text[:end], state=State(text[:end], nbytes=TOKEN_COST), pin=end == 2)
    lengths = [node.end for node in sorted(ours, key=lambda node: node.end) if node.snapshot]

    assert lengths == [2, 6, 7, 8]
    assert held(ours) == 8 + 4


def test_a_snapshot_that_does_not_fit_is_left_out() -> None:
    ours = tree(5, needs_snapshots=True)
    add(ours, "abc", state=State("abc", nbytes=3 * TOKEN_COST))

    assert (find(ours, "abc"), held(ours)) == ("", 3)


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_no_more_than_the_limit_is_found(limit: int) -> None:
    ours = tree()
    add(ours, "abcdef")

    assert ours.find(prefix("abcdefgh", length=limit)).length == limit


def test_parts_are_the_tokens_asked_for_in_whatever_pieces_and_count_as_no_use() -> None:
    letters = tree(12)
    add(letters, "abcd")
    add(letters, "abcdefgh")
    add(letters, "abcXY")
    parts = letters.parts(prefix("abcdefg"), 2)
    beyond = letters.parts(prefix("abcdefghi"), 2)
    # Of 12 tokens' room 10 are taken, so the least recently used go.
    add(letters, "qrst")

    assert parts is not None
    assert [part.piece.text[part.start : part.stop] for part in parts] == ["c", "d", "efg"]
    assert beyond is None
    assert letters.matched(prefix("abcdefgh")) == 4


def test_forgetting_says_what_is_gone_and_whose_it_was() -> None:
    letters = tree()
    add(letters, "ab", writer="good")
    add(letters, "abcd", writer="bad")
    add(letters, "abcdef", writer="after")
    add(letters, "abcd", "tenant", writer="bad")
    dropped = letters.forget("bad")

    assert sorted((one.prefix.salt, one.prefix.key, one.start) for one in dropped) == [
        ("", prefix("abcd").key, 2),
        ("", prefix("abcdef").key, 4),
        ("tenant", prefix("abcd").key, 0),
    ]
    assert letters.matched(prefix("abcdef")) == 2
