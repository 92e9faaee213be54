"""What lives as long as its process is out of the garbage collector's way."""

import gc


def keep_for_good() -> None:
    """Called once a process has all that it begins with: full collections pass over it from now on.

    One that walks a worker's 107,000 objects holds up all of its streams for 74 ms (2-core machine; 280 ms on a lent
    H100's). Afterwards it is under a millisecond.
    """
    gc.collect()
    gc.freeze()
