"""What systemd and launchd are told to keep the service of one checkout: pure text."""

import plistlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.supervision import SLACK_S

MAC_PATH = "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
"""launchd's own has no Homebrew, where a Redis server may lie."""
_PROCESSES = 3
_PLAIN = re.compile(r"[\w@=:,./+-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    name: str
    program: Path
    """The `pensieve` command, by its absolute path."""
    environment: Mapping[str, str]
    log: Path
    """Where launchd writes what the command says; systemd has its journal."""
    stop_s: int
    """How long it may take after SIGTERM before all of it is killed."""

    @property
    def command(self) -> Sequence[str]:
        return (str(self.program), "start", "--foreground")

    @property
    def label(self) -> str:
        """launchd's name for it."""
        return f"local.{self.name}"


def stop_s(drain_s: float) -> int:
    """Longer than API, worker and Redis need, which end one after another."""
    return _PROCESSES * (round(drain_s) + SLACK_S) + SLACK_S


def systemd_unit(unit: Unit) -> str:
    """For the user's own systemd, `~/.config/systemd/user`."""
    command = " ".join(_quoted(word.replace("$", "$$")) for word in unit.command)
    environment = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in unit.environment.items())
    return f"""\
# Written by `pensieve service`; docs/DEPLOY.md explains it.
[Unit]
Description=Pensieve: language models behind the Anthropic Messages API

[Service]
Type=notify
ExecStart={command}
{environment}\
# Ready is when the model answers, and some load for minutes; Pensieve itself gives up on what won't come up.
TimeoutStartSec=infinity
# SIGTERM is for the command alone, which stops API, worker and Redis in this order, each with its time to drain.
KillMode=mixed
TimeoutStopSec={unit.stop_s}
# `pensieve stop` is no failure and stays stopped.
Restart=on-failure
RestartSec=10
# What the kernel kills for its memory, the supervisor starts again.
OOMPolicy=continue
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""


def launch_agent(unit: Unit) -> str:
    """For the user's launchd, `~/Library/LaunchAgents`."""
    agent = {
        "Label": unit.label,
        "ProgramArguments": list(unit.command),
        "EnvironmentVariables": {"PATH": MAC_PATH, **unit.environment},
        "RunAtLoad": True,
        # `pensieve stop` is no failure and stays stopped.
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        # launchd's own is 20 s, too short to drain.
        "ExitTimeOut": unit.stop_s,
        # As much processor time as an application gets, not what is left over.
        "ProcessType": "Interactive",
        "StandardOutPath": str(unit.log),
        "StandardErrorPath": str(unit.log),
        "Umask": 0o077,
    }
    return plistlib.dumps(agent, sort_keys=False).decode()


def _quoted(text: str) -> str:
    """One word of a systemd unit: no specifier, no end of line, no second word."""
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("%", "%%")
    return f'"{escaped}"'
