"""Random answers as workers log them: any pieces in any order that makes sense, cut anywhere."""

from collections.abc import Sequence

from hypothesis import strategies as st

from queue_config.pieces import Piece, TextPiece, ThinkingPiece, ToolInput, ToolStart

_CHARACTERS = st.characters(exclude_categories=["Cs"])
_texts = st.text(_CHARACTERS, max_size=8)
_said = st.lists(st.builds(TextPiece, _texts), max_size=3)
_thought = st.lists(st.builds(ThinkingPiece, _texts), max_size=3)
_names = st.sampled_from(["Bash", "Read", "get_weather"])
_arguments = st.sampled_from(
    [
        "",
        "{}",
        '{"command": "ls"}',
        '{"a": {"b": [1, 2.5, null]}, "c": "d\\u00e9\\n"}',
        '{"command": "ec',
        "{",
        '{"a": tru',
    ]
)


@st.composite
def _calls(draw: st.DrawFn) -> list[Piece]:
    text = draw(_arguments)
    cut = draw(st.integers(0, len(text)))
    return [ToolStart("", draw(_names)), ToolInput(text[:cut]), ToolInput(text[cut:])]


def answers() -> st.SearchStrategy[list[Piece]]:
    """Pieces of a whole answer, in order; texts and arguments may be empty, calls may be cut off."""
    return st.lists(st.one_of(_said, _thought, _calls()), max_size=5).map(_with_ids)


def _with_ids(parts: Sequence[Sequence[Piece]]) -> list[Piece]:
    pieces = [piece for part in parts for piece in part]
    return [
        ToolStart(f"toolu_{number:024}", piece.name) if isinstance(piece, ToolStart) else piece
        for number, piece in enumerate(pieces)
    ]
