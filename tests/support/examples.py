"""deploy/examples: where they lie, and the units that stand there as `pensieve service` writes them."""

from pathlib import Path

from deploy.units import Unit, stop_s
from queue_config.settings import CHECKOUT, Settings

EXAMPLES = CHECKOUT / "deploy/examples"


def unit_at(checkout: str) -> Unit:
    """What `pensieve service` makes in a checkout at that place, with one setting."""
    return Unit(
        name="pensieve",
        program=Path(checkout, ".venv/bin/pensieve"),
        environment={"PENSIEVE_MODEL": Settings().model},
        log=Path(checkout, ".pensieve/logs/service.log"),
        stop_s=stop_s(Settings().drain_s),
    )


def settings_file(path: Path) -> dict[str, str]:
    """NAME=value lines; comments left out."""
    lines = path.read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}
