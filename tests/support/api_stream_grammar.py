"""A strict reader of streams: accepts exactly the event orders that Anthropic's clients can fold."""

from typing import Any

Frame = dict[str, Any]


class IllegalStream(AssertionError):
    pass


def read(frames: list[Frame]) -> Frame:
    """The message that the frames make, or the last frame where that is an error. Raises IllegalStream."""
    reader = _Reader()
    for frame in frames:
        reader.feed(frame)
    if reader.state != "over":
        raise IllegalStream(f"the stream stops in silence, {reader.state}")
    return reader.message


class _Reader:
    def __init__(self) -> None:
        self.state = "before message_start"
        self.message: Frame = {}

    def feed(self, frame: Frame) -> None:
        if self.state == "over":
            raise IllegalStream(f"{frame['type']} after the end")
        if frame["type"] == "ping":
            return
        if frame["type"] == "error":
            if not {"type", "message"} <= frame["error"].keys():
                raise IllegalStream("an error without type or message")
            self.state, self.message = "over", frame
            return
        step = _STEPS.get((self.state, frame["type"]))
        if step is None:
            raise IllegalStream(f"{frame['type']} {self.state}")
        self.state = step(self, frame)

    def start(self, frame: Frame) -> str:
        message = frame["message"]
        if message["content"] or message["stop_reason"] is not None:
            raise IllegalStream("a message that starts with an end")
        self.message = message | {"content": []}
        return "between blocks"

    def open_block(self, frame: Frame) -> str:
        self._check_index(frame, len(self.message["content"]))
        if frame["content_block"] != {"type": "text", "text": ""}:
            raise IllegalStream("a block that starts full")
        self.message["content"].append(dict(frame["content_block"]))
        return "in a block"

    def add(self, frame: Frame) -> str:
        self._check_index(frame, len(self.message["content"]) - 1)
        delta = frame["delta"]
        if delta["type"] != "text_delta" or not delta["text"]:
            raise IllegalStream("a delta without text")
        self.message["content"][-1]["text"] += delta["text"]
        return "in a block"

    def close_block(self, frame: Frame) -> str:
        self._check_index(frame, len(self.message["content"]) - 1)
        return "between blocks"

    def sum_up(self, frame: Frame) -> str:
        if frame["delta"]["stop_reason"] is None:
            raise IllegalStream("an end without a reason")
        self.message |= frame["delta"]
        self.message["usage"] = self.message["usage"] | frame["usage"]
        return "after message_delta"

    def stop(self, _frame: Frame) -> str:
        return "over"

    @staticmethod
    def _check_index(frame: Frame, expected: int) -> None:
        if frame["index"] != expected:
            raise IllegalStream(f"index {frame['index']} where {expected} is due")


_STEPS = {
    ("before message_start", "message_start"): _Reader.start,
    ("between blocks", "content_block_start"): _Reader.open_block,
    ("in a block", "content_block_delta"): _Reader.add,
    ("in a block", "content_block_stop"): _Reader.close_block,
    ("between blocks", "message_delta"): _Reader.sum_up,
    ("after message_delta", "message_stop"): _Reader.stop,
}
