"""The Redis of a service that runs here: what its own is started with, and how to reach it."""

import secrets

from deploy.places import Places
from deploy.redis_acl import access_list
from deploy.redis_server import config, url
from queue_config.made_once import made_once
from queue_config.settings import Settings


def redis_url(settings: Settings, where: Places) -> str:
    """The one that the settings name, else the service's own, with its password."""
    return settings.redis_url or url(where.redis_socket, _password(where))


def prepare_redis(where: Places) -> str:
    """Write what our own Redis is started with; return how to reach it."""
    password = made_once(where.redis_password, lambda: secrets.token_urlsafe(32).encode()).decode()
    where.redis_acl.touch(mode=0o600)
    where.redis_acl.write_text(access_list(password))
    where.redis_config.write_text(config(where.redis_data, where.redis_socket, acl_file=where.redis_acl))
    return url(where.redis_socket, password)


def _password(where: Places) -> str:
    """Empty where nothing was ever started, or by a version whose Redis asked for none."""
    try:
        return where.redis_password.read_text()
    except OSError:
        return ""
