"""How much memory processes hold."""

import psutil


def resident_bytes(pid: int) -> int:
    """Of a process and its children; 0 where it is gone, or isn't ours to look at."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(_resident_bytes(one) for one in family)


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
