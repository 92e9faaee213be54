"""Who waits for a connection while others use them, and who had better not."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty

import pytest

from queue_config import turns
from queue_config.turns import Turns


@dataclass
class Connection:
    is_connected: bool = True


def use(pool: Turns, seconds: float, patience_s: float) -> Connection:
    connection: Connection = pool.get(timeout=patience_s)
    time.sleep(seconds)
    pool.put(connection)
    return connection


def test_a_crowd_waits_for_one_connection_as_long_as_it_comes_back() -> None:
    pool = Turns(1)
    one = Connection()
    pool.put(one)
    with ThreadPoolExecutor(8) as crowd:
        # The last one's turn comes after seven times its patience.
        got = list(crowd.map(lambda _: use(pool, 0.1, 0.15), range(8)))

    assert got == [one] * 8


def test_nobody_waits_for_long_where_none_comes_back() -> None:
    pool = Turns(1)
    began_at = time.monotonic()

    with pytest.raises(Empty):
        pool.get(timeout=0.1)
    assert time.monotonic() - began_at < 1


def test_a_connection_that_got_no_answer_is_no_reason_to_wait() -> None:
    pool = Turns(2)
    with ThreadPoolExecutor(1) as waiter:
        waiting = waiter.submit(pool.get, timeout=0.3)
        time.sleep(0.1)
        # Comes back closed, and somebody else has it before the waiter does.
        pool.note(Connection(is_connected=False))

        with pytest.raises(Empty):
            waiting.result(timeout=5)


def test_patience_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST", 2)
    pool = Turns(1)
    stop = threading.Event()

    def hoard() -> None:
        # Brings it back and has it again, before anybody else can.
        while not stop.is_set():
            pool.note(Connection())
            time.sleep(0.01)

    thread = threading.Thread(target=hoard)
    thread.start()
    began_at = time.monotonic()
    with pytest.raises(Empty):
        pool.get(timeout=0.1)
    stop.set()
    thread.join()

    assert 0.2 <= time.monotonic() - began_at < 1
