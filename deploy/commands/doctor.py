"""`pensieve doctor`: look for what would keep Pensieve from running, and say how to mend it."""

import os
import sys

import click

from deploy.checkup import examine
from queue_config.settings import Settings


@click.command()
def doctor() -> None:
    """Look for what is missing or wrong on this machine; exit code 1 if anything is."""
    findings = examine(Settings.from_env(os.environ))
    for finding in findings:
        click.echo(f"{'ok ' if finding.ok else 'BAD'}  {finding.what}")
        if finding.remedy:
            click.echo(f"     {finding.remedy}")
    sys.exit(0 if all(finding.ok for finding in findings) else 1)
