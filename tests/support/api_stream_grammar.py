"""A strict reader of streams: accepts exactly the event orders that Anthropic's clients can fold."""

from typing import Any

from api.wire.tool_input import tool_input

Frame = dict[str, Any]

_STARTS: dict[str, Frame] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
_DELTAS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "tool_use",
    "signature_delta": "thinking",
}
_FIELDS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


class IllegalStream(AssertionError):
    pass


def read(frames: list[Frame], *, empty_deltas: bool = False) -> Frame:
    """The message that the frames make, or the last frame where that is an error. Raises IllegalStream.

    With `empty_deltas` some may say nothing, as those do that keep a stream alive.
    """
    reader = _Reader(empty_deltas)
    for frame in frames:
        reader.feed(frame)
    if reader.state != "over":
        raise IllegalStream(f"the stream stops in silence, {reader.state}")
    return reader.message


class _Reader:
    def __init__(self, empty_deltas: bool) -> None:
        self.state = "before message_start"
        self.message: Frame = {}
        self._empty_deltas = empty_deltas
        self._json = ""
        """Of the open call."""

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

    @property
    def _block(self) -> Frame:
        block: Frame = self.message["content"][-1]
        return block

    def start(self, frame: Frame) -> str:
        message = frame["message"]
        if message["content"] or message["stop_reason"] is not None:
            raise IllegalStream("a message that starts with an end")
        self.message = message | {"content": []}
        return "between blocks"

    def open_block(self, frame: Frame) -> str:
        self._check_index(frame, len(self.message["content"]))
        block = frame["content_block"]
        if block["type"] == "tool_use":
            if set(block) != {"type", "id", "name", "input"} or block["input"] != {}:
                raise IllegalStream("a call that starts full")
            if any(block["id"] == other.get("id") for other in self.message["content"]):
                raise IllegalStream("two calls of one id")
        elif block != _STARTS[block["type"]]:
            raise IllegalStream("a block that starts full")
        self.message["content"].append(dict(block))
        self._json = ""
        return "in a block"

    def add(self, frame: Frame) -> str:
        self._check_index(frame, len(self.message["content"]) - 1)
        delta = dict(frame["delta"])
        kind = delta.pop("type")
        if _DELTAS[kind] != self._block["type"]:
            raise IllegalStream(f"{kind} in a {self._block['type']} block")
        if kind == "signature_delta":
            self._block["signature"] = delta["signature"]
            return "behind the signature"
        (value,) = [delta[_FIELDS[kind]]]
        if not value and not self._empty_deltas:
            raise IllegalStream("a delta that says nothing")
        if kind == "input_json_delta":
            self._json += value
        else:
            self._block[_FIELDS[kind]] += value
        return "in a block"

    def close_block(self, frame: Frame) -> str:
        self._check_index(frame, len(self.message["content"]) - 1)
        if self._block["type"] == "thinking" and self.state != "behind the signature":
            raise IllegalStream("thinking without a signature")
        if self._block["type"] == "tool_use":
            self._block["input"] = tool_input(self._json)
        return "between blocks"

    def sum_up(self, frame: Frame) -> str:
        if frame["delta"]["stop_reason"] is None:
            raise IllegalStream("an end without a reason")
        if (frame["delta"]["stop_reason"] == "stop_sequence") != (frame["delta"]["stop_sequence"] is not None):
            raise IllegalStream("a stop sequence without its reason, or the reverse")
        self.message |= frame["delta"]
        self.message |= {name: value for name, value in frame.items() if name not in {"type", "delta", "usage"}}
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
    ("behind the signature", "content_block_stop"): _Reader.close_block,
    ("between blocks", "message_delta"): _Reader.sum_up,
    ("after message_delta", "message_stop"): _Reader.stop,
}
