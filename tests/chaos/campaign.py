"""Campaign: inflicts faults one after another, each when what the last one disturbed goes on again."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice

from tests.chaos.faults import KILLS, Fault
from tests.chaos.ledger import Entry, Ledger
from tests.chaos.load import Load
from tests.chaos.recovery import SEEN_ONLY_AT_THE_END, Blow
from tests.chaos.testbed import PATIENCE_S, Testbed

Say = Callable[[str], object]
IN_FLIGHT_S = 0.5
"""What comes so soon after a blow was on its way before."""
CALM_S = 1.0
"""At least so long nothing happens after a recovery."""


def mixed_kills(count: int) -> list[Fault]:
    """Half of them workers, a quarter the API (in both ways by turns), a quarter Redis."""
    worker, api, child, redis = KILLS
    return list(islice(cycle([worker, api, worker, redis, worker, child, worker, redis]), count))


def inflict(
    faults: Sequence[Fault], testbed: Testbed, load: Load, say: Say, *, spacing_s: float = 0.0, settles: bool = False
) -> Iterator[Blow]:
    """Each once, at least `spacing_s` from one to the next. Raises TimeoutError where the service doesn't come back.

    With `settles` each has the service as it was: what the last one left under way has ended. Three deaths of workers
    end a request, whatever faults they belong to.
    """
    for number, fault in enumerate(faults, 1):
        testbed.wait_until_ready()
        load.wait_until_busy()
        time.sleep(random.uniform(0.0, 1.0))
        blow = fault(testbed, load)
        recovered_s = _wait_until_recovered(load.ledger, blow)
        testbed.wait_until_ready()
        say(f"{number}/{len(faults)} {fault.name}: all disturbed go on after {recovered_s:.1f} s")
        yield blow
        if settles:
            left = load.ledger.open_at(blow.ended_at)
            testbed.wait_for(partial(_have_ended, left), "all to end", PATIENCE_S * 3)
        time.sleep(max(CALM_S, blow.began_at + spacing_s - time.monotonic()))


def _have_ended(entries: Sequence[Entry]) -> bool:
    return all(entry.ended_at for entry in entries)


def _wait_until_recovered(ledger: Ledger, blow: Blow) -> float:
    """Until each that it disturbed has been heard of since; whoever isn't for long is the ledger's business."""
    disturbed = [entry for entry in ledger.open_at(blow.began_at) if entry.kind not in SEEN_ONLY_AT_THE_END]
    since = max(blow.counts_from, blow.ended_at) + IN_FLIGHT_S
    give_up_at = time.monotonic() + PATIENCE_S
    while any(not e.ended_at and (not e.heard_at or e.heard_at[-1] <= since) for e in disturbed):
        if time.monotonic() > give_up_at:
            break
        time.sleep(0.05)
    return time.monotonic() - blow.counts_from
