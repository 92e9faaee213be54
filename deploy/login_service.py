"""LoginService: where this machine's service manager keeps a unit, and how it is told to start and to forget it."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deploy.failure import Failure
from deploy.model_choice import settled
from deploy.places import places
from deploy.units import Unit, launch_agent, stop_s, systemd_unit
from queue_config.settings import PREFIX, Settings

Kind = Literal["systemd", "launchd"]


@dataclass(frozen=True, slots=True)
class LoginService:
    text: str
    path: Path
    start: Sequence[Sequence[str]]
    """Commands that make the manager read the file and start the service, now and at each login."""
    forget: Sequence[Sequence[str]]
    """Commands that stop it, and the manager from starting it again."""


def unit_of(name: str, environ: Mapping[str, str]) -> Unit:
    """The unit of this checkout, with the settings of `environ`. Raise BadSetting for a wrong one."""
    settings = Settings.from_env(environ)
    # Whole paths: the manager starts it in another folder.
    whole = {**settings.to_env(), f"{PREFIX}MODEL": settled(settings.model)}
    return Unit(
        name=name,
        program=Path(sys.executable).with_name("pensieve"),
        environment={variable: whole[variable] for variable in sorted(environ) if variable.startswith(PREFIX)},
        log=places(settings.home).log_of("service"),
        stop_s=stop_s(settings.drain_s),
    )


def login_service(kind: Kind, unit: Unit, home: Path) -> LoginService:
    """`home` is the user's home folder."""
    if kind == "launchd":
        path, domain = home / f"Library/LaunchAgents/{unit.label}.plist", f"gui/{os.getuid()}"
        start, forget = (
            ("launchctl", "bootstrap", domain, str(path)),
            ("launchctl", "bootout", f"{domain}/{unit.label}"),
        )
        return LoginService(launch_agent(unit), path, [start], [forget])
    systemctl = ("systemctl", "--user")
    service = f"{unit.name}.service"
    return LoginService(
        systemd_unit(unit),
        home / ".config/systemd/user" / service,
        [(*systemctl, "daemon-reload"), (*systemctl, "enable", service), (*systemctl, "restart", service)],
        [(*systemctl, "disable", "--now", service)],
    )


def write(service: LoginService) -> None:
    """Readable for its owner alone, since a key may be among the settings. Raise Failure where there is one already."""
    service.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        service.path.touch(mode=0o600, exist_ok=False)
    except FileExistsError as error:
        raise Failure(
            f"{service.path} is there already. `pensieve service uninstall` removes it; another --name leaves it alone."
        ) from error
    service.path.write_text(service.text)


def run(command: Sequence[str]) -> None:
    """Raise Failure where it is not there or says no; its words go to the terminal."""
    line = " ".join(command)
    try:
        done = subprocess.run(command, check=False)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not on this machine, so `{line}` could not be run.") from error
    if done.returncode != 0:
        raise Failure(f"`{line}` failed with code {done.returncode}.")
