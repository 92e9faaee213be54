"""The supervisor's configuration: which processes make up the service, and how each is started, kept and stopped."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.places import Places
from deploy.redis_server import Server
from queue_config.settings import CHECKOUT, Settings

GUNICORN_CONFIG = Path(__file__).parent / "gunicorn.conf.py"
SLACK_S = 15
"""What a process gets beyond its own time to drain before it is killed."""


HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""For a worker on Linux: glibc (others don't look at it) asks for pages of two megabytes. With small ones, room for a
prompt of 6,000 tokens took 0.1 s and up to 0.6 where it takes 0.05 to 0.3 so, and passes are 4 % slower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    name: str
    command: tuple[str, ...]
    priority: int
    """Started in ascending, stopped in descending order, one after another."""
    start_s: int
    """A process that ends sooner than this after its start is retried with growing pauses."""
    stop_s: int
    """How long it may take after SIGTERM before it is killed, with its children."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beyond what all inherit."""


def programs(settings: Settings, where: Places, redis: Server | None, *, worker: bool = True) -> list[Program]:
    """`redis` is None where PENSIEVE_REDIS_URL names one that somebody else runs."""
    python = marked_python(where)
    wanted = []
    if redis:
        # Stopped last: the others write their last words to it.
        server = (str(redis.path), str(where.redis_config))
        wanted.append(Program(name="redis", command=server, priority=10, start_s=1, stop_s=30))
    stop_s = round(settings.drain_s) + SLACK_S
    if worker:
        workers = (*python, "-m", "workers")
        tuned = HUGE_PAGES if sys.platform == "linux" and not HUGE_PAGES.keys() & os.environ.keys() else {}
        wanted.append(
            Program(name="worker", command=workers, priority=20, start_s=10, stop_s=stop_s, environment=tuned)
        )
    # Stopped first, while the worker still feeds the open streams to their ends.
    gunicorn = (*python, "-m", "gunicorn", "-c", str(GUNICORN_CONFIG), "api.app:from_environment()")
    wanted.append(Program(name="api", command=gunicorn, priority=30, start_s=3, stop_s=stop_s))
    return wanted


def marked_python(where: Places) -> tuple[str, ...]:
    """This Python, with an option that does nothing but show in the process table whose process it is."""
    return (sys.executable, "-X", f"pensieve={where.identity}")


def supervisor_config(wanted: Sequence[Program], where: Places) -> str:
    """supervisord.conf. Settings and secrets are not in it: the processes inherit them from the environment."""
    head = f"""\
[unix_http_server]
file={_literal(where.supervisor_socket)}
chmod=0700

[supervisord]
logfile={_literal(where.log_of("supervisor"))}
logfile_maxbytes=10MB
logfile_backups=2
pidfile={_literal(where.supervisor_pidfile)}
directory={_literal(CHECKOUT)}
identifier=pensieve
umask=077
minfds=256
minprocs=64

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(_section(program, where) for program in wanted)


def _section(program: Program, where: Places) -> str:
    values = ",".join(f'{name}="{_literal(value)}"' for name, value in program.environment.items())
    environment = f"environment={values}\n" if values else ""
    return f"""
[program:{program.name}]
command={_literal(shlex.join(program.command))}
priority={program.priority}
autorestart=true
startsecs={program.start_s}
startretries=1000
stopsignal=TERM
stopwaitsecs={program.stop_s}
killasgroup=true
redirect_stderr=true
stdout_logfile={_literal(where.log_of(program.name))}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=5
{environment}"""


def _literal(text: object) -> str:
    """supervisord expands %(...)s in values."""
    return str(text).replace("%", "%%")
