"""Ids in the shapes that OpenAI's clients know; each is one of ours with another beginning."""

import re

_OWN_CALL = re.compile(r"call_[0-9A-Za-z]{24}")


def chat_id(job_id: str) -> str:
    """`msg_X`, under which the job is known, as `chatcmpl-X`."""
    return "chatcmpl-" + job_id.removeprefix("msg_")


def text_id(job_id: str) -> str:
    return "cmpl-" + job_id.removeprefix("msg_")


def call_id(tool_use_id: str) -> str:
    """`toolu_X` as `call_X`."""
    return "call_" + tool_use_id.removeprefix("toolu_")


def tool_use_id(call: str) -> str:
    """The id that the call had here, so that it renders as it was generated; a foreign one stays as it is."""
    return "toolu_" + call.removeprefix("call_") if _OWN_CALL.fullmatch(call) else call
