"""What a service was started with, kept beside its state, so that any later command finds it."""

from dataclasses import asdict, dataclass, field
from typing import Self

import orjson

from deploy.places import Places
from deploy.ports import http_url
from queue_config.settings import Settings


@dataclass(frozen=True, slots=True)
class Running:
    host: str
    port: int
    model: str
    """As the setting has it: a name or an absolute path."""
    worker: bool
    """False if only the API was started, for workers elsewhere."""
    model_name: str = field(default="", compare=False)
    """What requests call the model."""
    held: bool = field(default=False, compare=False)
    """Whether `pensieve start --foreground` stays with it."""

    @classmethod
    def of(cls, settings: Settings, *, worker: bool, model_name: str = "", held: bool = False) -> Self:
        return cls(settings.host, settings.port, settings.model, worker, model_name, held)

    @property
    def url(self) -> str:
        return http_url(self.host, self.port)

    @property
    def ready_path(self) -> str:
        """Readiness needs a worker, and this machine may not be the one to start it."""
        return "/health/ready" if self.worker else "/health"


def remember(running: Running, where: Places) -> None:
    where.running.write_bytes(orjson.dumps(asdict(running)))


def recall(where: Places) -> Running | None:
    """None if nothing was ever started here, or the note is no longer readable."""
    try:
        return Running(**orjson.loads(where.running.read_bytes()))
    except (OSError, orjson.JSONDecodeError, TypeError):
        return None
