"""`pensieve doctor`: look for what would keep Pensieve from running, and say how to mend it."""

import os
import sys
from dataclasses import asdict

import click
import orjson

from deploy.doctor.examine import examine
from queue_config.settings import Settings

_MARKS = {"ok": ("ok  ", "green"), "warn": ("WARN", "yellow"), "bad": ("BAD ", "red")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def doctor(*, as_json: bool) -> None:
    """Look for what is missing or wrong on this machine; exit code 1 if anything is."""
    findings = []
    for finding in examine(Settings.from_env(os.environ)):
        findings.append(finding)
        if not as_json:
            mark, colour = _MARKS[finding.level]
            click.echo(f"{click.style(mark, fg=colour)}  {finding.what}")
            if finding.remedy:
                click.echo(f"      {finding.remedy}")
    is_well = all(finding.level != "bad" for finding in findings)
    if as_json:
        click.echo(orjson.dumps({"ok": is_well, "findings": [asdict(finding) for finding in findings]}))
    sys.exit(0 if is_well else 1)
