"""The service in the foreground, for whatever keeps it: systemd, launchd, a container, a terminal."""

import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from deploy.failure import Failure
from deploy.places import places
from deploy.start import start
from deploy.stop import stop
from deploy.supervisor_client import HeldSupervisor
from queue_config.settings import Settings

NOTIFY_SOCKET = "NOTIFY_SOCKET"
"""Where systemd wants to hear that a unit of Type=notify is ready."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def hold(settings: Settings, environ: Mapping[str, str], say: Callable[[str], object], *, worker: bool = True) -> None:
    """Start the service and stay until a signal or `pensieve stop` has ended it, after what runs has drained.

    One that runs here already is stopped first. Raise Failure, with nothing left running, where the service doesn't
    come up or its supervisor dies.
    """
    supervisor = HeldSupervisor(places(settings.home))
    # gunicorn would speak there as if it were the whole service.
    inherited = {name: value for name, value in environ.items() if name != NOTIFY_SOCKET}
    with _signals_raise():
        try:
            if supervisor.processes() is not None:
                say("Pensieve runs here already. It is stopped first, to be started again under this process.")
                stop(settings, say)
            running = start(settings, inherited, say, worker=worker, supervisor=supervisor)
            say(f"Pensieve answers at {running.url} with {running.model_name}.")
            _notify("READY=1", environ)
            if status := supervisor.wait():
                raise Failure(f"The process supervisor has died (status {status}); what it ran has been stopped.")
        except _ToldToStop:
            _notify("STOPPING=1", environ)
        finally:
            # Not where another start holds the home: what runs then is that one's.
            if supervisor.has_started:
                stop(settings, say)
                supervisor.wait()
    say("Pensieve has stopped.")


class _ToldToStop(BaseException):
    """The first signal; further ones are not heard, so that they cut no draining short."""


@contextmanager
def _signals_raise() -> Iterator[None]:
    def tell(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise _ToldToStop

    before = {number: signal.signal(number, tell) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _notify(state: str, environ: Mapping[str, str]) -> None:
    address = environ.get(NOTIFY_SOCKET, "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        # systemd writes the zero byte of an abstract address as @.
        sender.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
