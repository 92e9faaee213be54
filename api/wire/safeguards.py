"""Whether an answer's calls look dangerous, by rules: flagged, known to be harmless, or honestly not known.

Claude Code's auto mode asks this of the server, and runs what is not flagged without asking its user. So only what a
rule knows is called harmless; for everything else the answer is `unavailable`, and the client asks.
"""

from collections.abc import Iterable
from typing import Any

from api.wire.command_rules import UNKNOWN, Verdict, judge_command
from api.wire.path_rules import decides_what_runs, holds_secrets
from api.wire.tool_input import tool_input
from queue_config.pieces import Piece, ToolInput, ToolStart, joined

_SHELLS = frozenset({"Bash", "bash"})
_WRITERS = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit", "str_replace_based_edit_tool"})
_READERS = frozenset({"Read", "Glob", "Grep", "LS", "NotebookRead"})
_INERT = frozenset({"TodoWrite", "TaskCreate", "TaskGet", "TaskList", "TaskUpdate", "ToolSearch", "AskUserQuestion"})
"""They touch nothing but the client's own books."""
_PATHS = ("file_path", "notebook_path", "path")


def safeguard_results(pieces: Iterable[Piece]) -> list[dict[str, Any]]:
    """The answer's `safeguard_results`."""
    evaluated = {call_id: _shown(judge_call(name, text)) for call_id, name, text in _calls(pieces)}
    return [{"type": "dangerous_tool_use", "status": {"type": "available", "tool_uses": evaluated}}]


def judge_call(name: str, arguments: str) -> Verdict:
    """`arguments` is the call's JSON."""
    given = tool_input(arguments)
    if name in _SHELLS:
        command = given.get("command")
        return judge_command(command) if isinstance(command, str) else UNKNOWN
    if name in _INERT:
        return Verdict("harmless")
    if name in _WRITERS | _READERS:
        return _judge_paths(name, given)
    return UNKNOWN


def _judge_paths(name: str, given: dict[str, Any]) -> Verdict:
    paths = [given[field] for field in _PATHS if isinstance(given.get(field), str)]
    for path in paths:
        if holds_secrets(path):
            return Verdict("dangerous", f"{path} holds credentials.")
        if name in _WRITERS and decides_what_runs(path):
            return Verdict("dangerous", f"{path} decides what runs on this machine.")
    return Verdict("harmless") if name in _READERS and paths else UNKNOWN


def _shown(verdict: Verdict) -> dict[str, Any]:
    match verdict.kind:
        case "dangerous":
            return {"type": "evaluated", "outcome": "flagged", "explanation": verdict.why}
        case "harmless":
            return {"type": "evaluated", "outcome": "not_flagged"}
        case _:
            return {"type": "unavailable", "reason": verdict.why}


def _calls(pieces: Iterable[Piece]) -> list[tuple[str, str, str]]:
    calls: list[tuple[str, str, str]] = []
    for piece in joined(pieces):
        if isinstance(piece, ToolStart):
            calls.append((piece.id, piece.name, ""))
        elif isinstance(piece, ToolInput):
            call_id, name, _ = calls[-1]
            calls[-1] = call_id, name, piece.json
    return calls
