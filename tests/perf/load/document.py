"""docs/LOAD.md from the results that lie in docs/load: rewritten whole, so that no figure is typed by hand.

`python -m tests.perf.load.document` does only that.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.perf.load.results import RESULTS, Result
from tests.perf.page import hardware, table, verdict

HEAD = """\
# Load and hostile clients

`make load` starts a service of its own for each scenario, does to it what a crowd, a neighbour or an attacker would,
and writes this page; nothing here was typed by hand. It is the whole service as `pensieve start` sets it up:
supervisor, gunicorn with one process, Redis with its append-only file, and a worker. The engine is a stand-in that
takes 50 ms a step, except where a section says otherwise, so that what is measured is everything around it. Clients are
bare sockets in a process of their own on the same machine.

`make load ARGS="--only overload"` runs one scenario; `ARGS="--scale 0.1 --minutes 1"` tries all of them out in a few
minutes, for figures that prove nothing. What is compared is compared within one run. A figure is worth as much as the
machine was idle, so the load average before each run is told with it.
"""
TITLES = {
    "idle-streams": "Two thousand idle streams",
    "slow-clients": "A thousand slow clients",
    "overload": "Five times too much",
    "slow-reader": "A reader at one byte a second",
    "cache-timing": "Cache timing between two keys",
    "hostile": "Hostile bodies and handshakes",
}
TEXTS = {
    "idle-streams": """\
The engine has one place, taken by answers that last minutes; all other streams wait in the queue behind them and get a
ping every 10 s. Memory is what the API's process grew by from before the first of them to the most it ever had. Each
stream is an open file of the API's, which raises its soft limit to the hard one: gunicorn takes 5,000 connections a
process, or 200 fewer than there may be open files. A key may wait for 64 answers unless its limits (`streams`) say
otherwise, the owner for any number.""",
    "slow-clients": """\
Silent connections, heads, bodies and WebSocket frames in drips, a quarter each; they arrive within 15 s, and whoever is
cut off comes back at once. Beside them somebody asks for liveness, the models, a count of tokens and the first event of
an answer, by turns.""",
    "overload": """\
The batch has 16 places, answers take a second, and 64 requests may wait (the default, four times the batch). The peak
is what 24 clients get who ask again as soon as they have their answer. Then five times as many requests come at random
moments for a minute, without regard for answers; who is refused goes away. Goodput counts whole answers. Recovery is
seen by four probes a second: the last one whose first token takes more than twice its usual time ends it.""",
    "slow-reader": """\
Phases with and without it by turns, in one run. Its answer is computed all the time and has a past of 20 s and more,
all of which is sent to it at once; only its reader comes and goes.""",
    "cache-timing": """\
A real engine with a small random model, and prompts of some 1,200 tokens. A victim's key asks a prompt; the attacker's
then asks that prompt and one that nobody has asked, in random order, and watches the time to the first token. The AUC
is the chance that the victim's came sooner, or later. The control is the attacker's own prompt asked again, which the
same clock must tell apart, or it could find nothing anywhere.""",
    "hostile": """\
One after the other, each on a connection of its own, timed from the connection to the head of the answer. The model's
tokenizer is a stand-in here.""",
}


def rewrite(results: Path = RESULTS) -> Path:
    """Write the page beside the folder, out of whatever scenarios it has."""
    found = {path.stem: Result.read(path) for path in sorted(results.glob("*.json"))}
    known = [found[name] for name in TITLES if name in found]
    page = results.parent / "LOAD.md"
    page.write_text("\n".join([HEAD, *bars(known), *(line for result in known for line in section(result))]))
    return page


def bars(results: Sequence[Result]) -> list[str]:
    rows = [
        (bar.text, bar.measured, verdict(holds=bar.holds), result.machine["load_before"])
        for result in results
        for bar in result.bars
    ]
    return ["## The bars", "", *table(("bar", "measured", "", "load average before"), rows), ""]


def section(result: Result) -> list[str]:
    machine = result.machine
    circumstances = (
        f"{hardware(machine)}; commit {machine['commit']}, {machine['at']}; "
        f"load average {machine['load_before']} before, {result.load_after} after."
    )
    rows = [(name, _told(value)) for name, value in result.facts.items()]
    return [
        f"## {TITLES[result.scenario]}",
        "",
        TEXTS[result.scenario],
        "",
        circumstances,
        *([] if result.scale == 1 else ["", f"Tried out at {result.scale:g} of its size: the bars are not for that."]),
        *(["", result.note] if result.note else []),
        "",
        *table(("", "measured"), rows),
        "",
    ]


def _told(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{name}: {_told(inner)}" for name, inner in value.items()) or "none"
        case list():
            return ", ".join(map(_told, value)) or "none"
        case None:
            return "-"
    return str(value)


if __name__ == "__main__":
    rewrite()
