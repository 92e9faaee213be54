"""What is fuzzed: functions of bytes that raise only what their callers are promised. Seeds show them what is usual."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from api.wire import strict_json
from api.wire.batch import parse_create
from api.wire.command_rules import judge_command
from api.wire.frame_id import FrameId
from api.wire.history import read_system
from api.wire.request import parse_count, parse_messages
from api.wire.tool_input import tool_input
from api.wire_openai.chat_request import parse_chat
from api.wire_openai.completion_request import parse_completion
from models.answer import AnswerSplitter, Given, Said
from models.errors import ModelRefused
from models.families.llama3 import CALLS as LLAMA
from models.families.phi3 import CALLS as PHI
from models.from_gguf import convert
from models.syntax import HERMES, AnswerSyntax, CallSyntax, ThinkSyntax
from models.weights_header import check_weights, unpacked_numbers
from queue_config.api_keys import KeyFile
from queue_config.errors import InvalidRequest
from tests.fuzz import seeds

SYNTAXES = (
    AnswerSyntax(HERMES, ThinkSyntax()),
    AnswerSyntax(LLAMA, ThinkSyntax(opened=True)),
    AnswerSyntax(PHI),
    AnswerSyntax(CallSyntax("[TOOL_CALLS]", closing="", body="list", inside=" ", between="")),
    AnswerSyntax(CallSyntax("[TOOL_CALLS]", closing="", body="named", inside="", separator="[ARGS]")),
)


@dataclass(frozen=True, slots=True)
class Target:
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def requests(data: bytes) -> None:
    """A body, as whichever route gets it."""
    try:
        body = strict_json.parse(data)
    except InvalidRequest:
        return
    # What was taken for JSON is JSON for everybody.
    json.loads(data)
    for parse in (parse_messages, parse_count, parse_chat, parse_completion, _batch):
        try:
            parse(body)
        except InvalidRequest:
            continue


def resumes(data: bytes) -> None:
    """A Last-Event-ID; one that is taken is written again as it came."""
    text = data.decode("latin-1")
    try:
        found = FrameId.parse(text)
    except InvalidRequest:
        return
    assert [int(part) for part in str(found).replace(".", "-").split("-")] == list(found)


def answers(data: bytes) -> None:
    """A model's text. However it is cut, it says the same, and every call's arguments are one JSON object."""
    if len(data) < 2:
        return
    syntax, step, text = SYNTAXES[data[0] % len(SYNTAXES)], 1 + data[1] % 16, data[2:].decode(errors="replace")
    whole, cut = _split(syntax, text, len(text) or 1), _split(syntax, text, step)
    assert whole == cut, (whole, cut)
    for _, arguments in cut[1]:
        assert isinstance(json.loads(arguments), dict)


def commands(data: bytes) -> None:
    """A shell command out of an answer, and a call's arguments."""
    text = data.decode(errors="replace")
    judge_command(text)
    tool_input(text)
    try:
        read_system(text)
    except InvalidRequest:
        return


def gguf(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.gguf"
        file.write_bytes(data)
        try:
            convert(file, Path(folder))
        except ModelRefused:
            return


def safetensors(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.safetensors").write_bytes(data)
        (Path(folder) / "config.json").write_text('{"quantization": {"bits": 4}}')
        try:
            check_weights(Path(folder))
        except ModelRefused:
            return
        unpacked_numbers(Path(folder))


def keys(data: bytes) -> None:
    """The keys' file: whatever is in it, nobody gets in who has no key."""
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "keys.json").write_bytes(data)
        try:
            assert KeyFile(Path(home)).find("guess") is None
        except ValueError:
            return


def _batch(body: object) -> object:
    return parse_create(body, 100)


def _split(syntax: AnswerSyntax, text: str, step: int) -> tuple[str, list[list[str]]]:
    """What is said, and the calls: each a name and arguments."""
    splitter = AnswerSplitter(syntax, tools=("look", "go"), thinking=True)
    parts = [part for at in range(0, len(text), step) for part in splitter.push(text[at : at + step])]
    parts += splitter.end(cut=False)
    said = "".join(part.text for part in parts if isinstance(part, Said))
    calls: list[list[str]] = []
    for part in parts:
        if isinstance(part, Given):
            calls[-1][1] += part.json
        elif hasattr(part, "name"):
            calls.append([part.name, ""])
    return said, calls


TARGETS = {
    "requests": Target(requests, seeds.BODIES),
    "resumes": Target(resumes, (b"1-2.3", b"0-0.0")),
    "answers": Target(answers, seeds.ANSWERS),
    "commands": Target(commands, seeds.COMMANDS),
    "gguf": Target(gguf, seeds.gguf_files()),
    "safetensors": Target(safetensors, seeds.SAFETENSORS),
    "keys": Target(keys, seeds.KEYS),
}
