"""Mailboxes: bounded, and honest about what they lost."""

from api.mailbox import LIMIT, Live, Mailbox
from queue_config.event_log import Position


def live(seq: int) -> Live:
    return Live(Position(1, seq), b"{}")


def test_events_come_out_in_order() -> None:
    mailbox = Mailbox()
    mailbox.put(live(1))
    mailbox.put(live(2))

    assert [mailbox.get(), mailbox.get()] == [live(1), live(2)]


def test_a_full_mailbox_forgets_everything_and_says_so_once() -> None:
    mailbox = Mailbox()
    for seq in range(LIMIT + 1):
        mailbox.put(live(seq))
    first = mailbox.get()
    mailbox.put(live(5_000))

    assert (first, mailbox.get()) == ("lost", live(5_000))


def test_a_loss_wakes_whoever_waits() -> None:
    mailbox = Mailbox()
    mailbox.lose()

    assert mailbox.get() == "lost"


def test_silence_is_told_after_a_whole_tick_without_news_and_not_hoarded() -> None:
    mailbox = Mailbox()
    mailbox.put(live(1))
    mailbox.tick()
    mailbox.tick()
    mailbox.get()
    for _ in range(5):
        mailbox.tick()
    mailbox.put(live(2))

    assert [mailbox.get(), mailbox.get()] == ["quiet", live(2)]
