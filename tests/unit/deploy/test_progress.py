"""Progress lines."""

from deploy.progress import INTERVAL_S, Progress


def test_news_is_told_at_once_and_the_same_only_now_and_then() -> None:
    said: list[str] = []
    now = [0.0]
    with Progress(said.append, clock=lambda: now[0]).step("loading") as tick:
        for now[0], detail in [(1.0, "reading"), (1.5, "reading"), (1.5 + INTERVAL_S, "reading"), (7.0, "warming")]:
            tick(detail)

    assert said == [
        "  loading ...",
        "      1 s  reading",
        "      6 s  reading",
        "      7 s  warming",
        "  loading: 7.0 s",
    ]
