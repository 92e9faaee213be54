"""The look that every process takes once a second for as long as it lives: at deadlines, and for dead workers."""

from queue_config.deadlines import Deadlines
from queue_config.reaper import Reaper
from queue_config.rounds import Rounds

EVERY_S = 1.0


def reaper_thread(reaper: Reaper, deadlines: Deadlines) -> Rounds:
    """Not started."""

    def look() -> float:
        deadlines.turn()
        reaper.turn()
        return EVERY_S

    return Rounds("reaper", look, first_pause_s=EVERY_S, failed_pause_s=EVERY_S)
