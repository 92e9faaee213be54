"""Conversations: merging, folding and prefills."""

from models.conversation import Conversation, Text, Turn, conversation


def test_neighbours_of_one_role_become_one_turn_of_several_parts() -> None:
    merged = conversation("S", [("user", "a"), ("user", "b"), ("assistant", "c"), ("user", "d")]).merged()

    assert merged == Conversation(
        "S",
        (
            Turn("user", (Text("a"), Text("b"))),
            Turn("assistant", (Text("c"),)),
            Turn("user", (Text("d"),)),
        ),
    )
    assert merged.turns[0].text == "a\n\nb"


def test_system_turns_can_be_said_in_the_users_words() -> None:
    talk = conversation("S", [("user", "a"), ("system", "b"), ("assistant", "c"), ("system", "d")])

    assert talk.without_system_turns() == Conversation(
        "S",
        (Turn("user", (Text("a"), Text("b"))), Turn("assistant", (Text("c"),)), Turn("user", (Text("d"),))),
    )
    assert talk.without_system() == Conversation(
        "",
        (
            Turn("user", (Text("S"), Text("a"), Text("b"))),
            Turn("assistant", (Text("c"),)),
            Turn("user", (Text("d"),)),
        ),
    )


def test_only_a_trailing_assistant_turn_with_text_is_a_prefill() -> None:
    assert conversation("", [("user", "a"), ("assistant", "b")]).prefill == "b"
    assert conversation("", [("user", "a"), ("assistant", " \n")]).prefill is None
    assert conversation("", [("assistant", "b"), ("user", "a")]).prefill is None
    assert conversation("", []).prefill is None


def test_any_number_of_one_roles_turns_make_one() -> None:
    # Joined one by one these would take minutes.
    many = conversation("", [("user", "x")] * 100_000)

    assert many.merged().turns == (Turn("user", (Text("x"),) * 100_000),)
