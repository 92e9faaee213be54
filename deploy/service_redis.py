"""The Redis of a service that runs here."""

from deploy.places import Places
from deploy.redis_server import url
from queue_config.settings import Settings


def redis_url(settings: Settings, where: Places) -> str:
    """The one that the settings name, else the service's own."""
    return settings.redis_url or url(where.redis_socket)
