"""gunicorn's settings for the API: many slow streams in few processes, and limits on what a client may send."""

# ruff: noqa: N999 - the name that gunicorn's users know

import os

from api.auth import require_key
from deploy.access_log import access_log
from deploy.limits import connections_within, raise_open_files
from queue_config.settings import Settings

settings = Settings.from_env(os.environ)
require_key(settings)

bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
proc_name = "pensieve-api"
# Of gunicorn's classes only gevent's bears thousands of slow clients: 64 silent ones stop eight threads (decision 92).
worker_class = "deploy.gevent_worker.ApiWorker"
workers = max(1, settings.api_processes)
worker_connections = connections_within(raise_open_files(), most=5_000)
preload_app = False  # each process builds its own Redis connections and subscriber

# A process whose event loop stands still this long is replaced.
timeout = 60
# Open streams may end as long as the worker behind them drains.
graceful_timeout = round(settings.drain_s)
# For the head of a request, idleness before it included: longer would be kinder to idle clients, and to slow heads.
keepalive = 10

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
# No proxy is trusted to say who the client is.
forwarded_allow_ips = ""
# gunicorn would open a control socket in the user's home.
control_socket_disable = True

loglevel = settings.log_level.lower()
errorlog = "-"
accesslog = "-"
logger_class = access_log(settings.log_format)
