"""The reaper's look, once a second, for as long as its process lives."""

from queue_config.reaper import Reaper
from queue_config.rounds import Rounds

EVERY_S = 1.0


def reaper_thread(reaper: Reaper) -> Rounds:
    """Not started."""

    def look() -> float:
        reaper.turn()
        return EVERY_S

    return Rounds("reaper", look, first_pause_s=EVERY_S, failed_pause_s=EVERY_S)
