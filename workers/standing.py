"""Standing: whether this worker's lease is its own, or others have been given what it had."""

from collections.abc import Callable

from queue_config.lease import Leases, WorkerStatus


class Standing:
    """Told by the pulse, asked by intake; a worker that was buried while it was frozen learns of it here."""

    def __init__(self, leases: Leases, status: Callable[[], WorkerStatus]) -> None:
        self._leases = leases
        self._status = status
        self.is_lost = False
        """From then on nothing of what it was doing is its business; the lease comes back with `enrol`."""

    def enrol(self) -> bool:
        """Take a lease as a new worker; False while things of its are still being taken from it."""
        if not self._leases.enrol(self._status()):
            return False
        self.is_lost = False
        return True

    def renew(self) -> bool:
        if not self.is_lost and not self._leases.renew(self._status()):
            self.is_lost = True
        return not self.is_lost

    def end(self) -> None:
        """Let others have at once whatever is left."""
        self._leases.end(self._status().name)

    def retire(self) -> None:
        """Nothing is left."""
        self._leases.retire(self._status().name)
