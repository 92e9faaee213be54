"""Turns between markers: the shape that most chat formats share."""

from collections.abc import Iterator

from models.conversation import Conversation, Text, Turn
from models.errors import PromptRejected
from models.prompt import Markup, Segment


def join(segments: Iterator[Markup | str]) -> list[Segment]:
    """Drop empty pieces and make one of neighbouring markup; two people's texts are never neighbours."""
    joined: list[Segment] = []
    for segment in segments:
        if isinstance(segment, Markup) and joined and isinstance(joined[-1], Markup):
            joined[-1] = Markup(joined[-1].text + segment.text)
        elif segment not in {"", Markup("")}:
            joined.append(segment)
    return joined


def split_prefill(conversation: Conversation) -> tuple[tuple[Turn, ...], str]:
    """The finished turns, and the text that the answer goes on from ("" for none)."""
    turns = conversation.turns
    if turns and turns[-1].role == "assistant":
        return turns[:-1], conversation.prefill or ""
    return turns, ""


def split_last_answer(conversation: Conversation) -> tuple[tuple[Turn, ...], Turn | None]:
    """The same, with the whole turn that the answer goes on from; None where there is nothing in it."""
    turns = conversation.turns
    if not turns or turns[-1].role != "assistant":
        return turns, None
    begun = any(not isinstance(part, Text) or part.text.strip() for part in turns[-1].parts)
    return turns[:-1], turns[-1] if begun else None


def alternating(conversation: Conversation, format_name: str) -> Conversation:
    """With user and assistant in strict turn, user first; PromptRejected where that can't be had."""
    folded = conversation.without_system_turns()
    if not folded.turns or folded.turns[0].role != "user":
        raise PromptRejected(f"{format_name} needs the first message to be the user's")
    return folded
