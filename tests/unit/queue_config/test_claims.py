"""In what order the lanes' queues are asked."""

from collections import Counter

from queue_config.claims import preference

LANES = ("interactive", "background", "batch")


def shares(*waiting: str, turns: int = 160) -> dict[str, int]:
    """How many of the claims each lane gets while those named never run empty."""
    return Counter(next(lane for lane in preference(turn, LANES) if lane in waiting) for turn in range(turns))


def test_three_claims_in_four_prefer_the_higher_lane() -> None:
    assert [preference(turn, LANES)[0] for turn in range(4)] == ["interactive"] * 3 + ["background"]
    assert preference(0, LANES) == list(LANES)


def test_every_lane_gets_its_share_while_the_higher_ones_never_run_empty() -> None:
    assert shares(*LANES) == {"interactive": 120, "background": 30, "batch": 10}
    assert shares("interactive", "batch") == {"interactive": 120, "batch": 40}


def test_a_lane_alone_gets_everything() -> None:
    assert [shares(lane, turns=16) for lane in LANES] == [{lane: 16} for lane in LANES]


def test_a_single_queue_is_always_asked() -> None:
    assert {tuple(preference(turn, ["only"])) for turn in range(32)} == {("only",)}
