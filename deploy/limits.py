"""Limits of the operating system on a process."""

import resource

PLENTY = 65_536
OWN_FILES = 200
"""Of an API process besides its clients: connections to Redis, logs, pipes."""


def raise_open_files() -> int:
    """Allow this process and its children as many open files as may be had; return how many that is.

    Each open stream is a socket; a login shell often starts with 256 or 1,024.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS says its hard limit is infinite but refuses all above a kernel setting, so walk down.
    for wanted in (PLENTY if hard == resource.RLIM_INFINITY else hard, 10_240):
        if soft != resource.RLIM_INFINITY and wanted > soft:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            except (ValueError, OSError):
                continue
            return wanted
    return soft


def connections_within(open_files: int, most: int) -> int:
    """How many connections a process may take at the most: where files end first, nobody is told to hurry."""
    return min(most, max(open_files // 2, open_files - OWN_FILES))
