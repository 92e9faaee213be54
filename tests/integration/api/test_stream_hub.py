"""StreamHub over a real Redis: in order, without gap or double, whatever pub/sub loses."""

import threading
from collections.abc import Iterator

import pytest
import redis as redis_py

from api.stream_hub import StreamHub
from queue_config import keys
from queue_config.connection import connect
from queue_config.event_log import START, Entry, EventLog, Position
from queue_config.events import Delta, Event, Finished, Started
from queue_config.pieces import TextPiece
from tests.support.redis_server import RedisServer

JOB = "msg_hub"


@pytest.fixture
def log(redis: redis_py.Redis, redis_url: str) -> Iterator[EventLog]:
    connected = connect(redis_url)
    yield EventLog(connected, result_ttl_s=60, live_ttl_s=60)
    connected.close()


@pytest.fixture
def hub(log: EventLog, redis_url: str) -> Iterator[StreamHub]:
    hub = StreamHub(log, redis_url)
    yield hub
    hub.close()


def entries(count: int, job_id: str = JOB) -> list[Entry]:
    """A whole log: started, `count` deltas, finished."""
    events: list[Event] = [
        Started(1, "w"),
        *(Delta((n,), (TextPiece(f"{n} "),)) for n in range(count)),
        Finished("end_turn", count),
    ]
    return [Entry(job_id, Position(1, seq), event) for seq, event in enumerate(events, start=1)]


def collect(hub: StreamHub, after: Position = START) -> list[Entry]:
    return [entry for entry in hub.follow(JOB, after) if entry is not None]


def test_a_log_that_has_ended_is_read_whole(hub: StreamHub, log: EventLog) -> None:
    log.append(entries(3))

    assert collect(hub) == entries(3)


def test_a_reader_can_start_behind_any_entry(hub: StreamHub, log: EventLog) -> None:
    log.append(entries(3))

    assert collect(hub, Position(1, 2)) == entries(3)[2:]


def test_events_arrive_as_they_are_written_to_every_reader(hub: StreamHub, log: EventLog) -> None:
    first, second = hub.follow(JOB), hub.follow(JOB)
    seen: tuple[list[Entry], list[Entry]] = ([], [])
    for entry in entries(3):
        log.append([entry])
        for reader, into in zip((first, second), seen, strict=True):
            into.append(next(found for found in reader if found is not None))

    assert seen == (entries(3), entries(3))


def test_a_reader_hears_of_idle_time_so_that_it_can_look_at_its_client(hub: StreamHub) -> None:
    reader = hub.follow(JOB)

    assert [next(reader), next(reader)] == [None, None]


def test_events_of_other_requests_are_not_heard(hub: StreamHub, log: EventLog) -> None:
    reader = hub.follow(JOB)
    next(reader)
    log.append(entries(3, "msg_other"))
    log.append(entries(1))

    assert [entry for entry in reader if entry is not None] == entries(1)


def test_published_doubles_and_zombies_are_dropped(
    hub: StreamHub, log: EventLog, redis: redis_py.Redis, redis_url: str
) -> None:
    reader = hub.follow(JOB)
    next(reader)
    log.append(entries(2)[:2])
    log.append([Entry(JOB, Position(2, 3), Started(2, "w"))])
    seen = [next(found for found in reader if found is not None) for _ in range(3)]
    zombie = Entry(JOB, Position(1, 4), Delta((9,), (TextPiece("zombie"),)))
    for ghost in (seen[1], zombie):
        redis.publish(keys.LIVE, b"\0".join((JOB.encode(), str(ghost.position).encode(), b'{"type":"delta"}')))
    end = Entry(JOB, Position(2, 4), Finished("end_turn", 1))
    log.append([end])

    assert [found for found in reader if found is not None] == [end]


def test_an_event_whose_publication_was_lost_is_read_from_the_log(
    hub: StreamHub, log: EventLog, redis: redis_py.Redis
) -> None:
    reader = hub.follow(JOB)
    next(reader)
    expected = entries(2)
    for entry in expected[:-1]:
        # What XADD does without the PUBLISH that belongs to it.
        quiet = EventLog(muted(redis), result_ttl_s=60, live_ttl_s=60)
        quiet.append([entry])
    log.append(expected[-1:])

    assert [found for found in reader if found is not None] == expected


def test_a_last_event_whose_publication_was_lost_is_found_by_looking(
    hub: StreamHub, log: EventLog, redis: redis_py.Redis
) -> None:
    reader = hub.follow(JOB)
    next(reader)
    EventLog(muted(redis), result_ttl_s=60, live_ttl_s=60).append(entries(2))

    assert [found for found in reader if found is not None] == entries(2)


def test_nothing_is_lost_or_doubled_while_subscriptions_are_killed(
    hub: StreamHub, log: EventLog, redis: redis_py.Redis
) -> None:
    expected = entries(600)
    collected: list[list[Entry]] = [[], []]

    def read(index: int) -> None:
        collected[index] = collect(hub)

    readers = [threading.Thread(target=read, args=(index,)) for index in range(2)]
    for reader in readers:
        reader.start()
    for count, entry in enumerate(expected):
        log.append([entry])
        if count % 60 == 30:
            redis.client_kill_filter(_type="pubsub")
    for reader in readers:
        reader.join(timeout=30)

    assert collected == [expected, expected]


def test_a_stream_outlives_a_restart_of_redis() -> None:
    with RedisServer(durable=True) as server:
        connected = connect(server.url)
        log = EventLog(connected, result_ttl_s=60, live_ttl_s=60)
        hub = StreamHub(log, server.url)
        expected = entries(2)
        log.append(expected[:1])
        reader = hub.follow(JOB)
        seen = [next(reader)]
        server.restart()
        while next(reader) is not None:
            pass
        log.append(expected[1:])
        seen += [found for found in reader if found is not None]
        hub.close()
        connected.close()

    assert seen == expected


def muted(redis: redis_py.Redis) -> redis_py.Redis:
    """The client, but what it appends is published where nobody listens."""
    return _Muted(redis)  # type: ignore[return-value]


class _Muted:
    def __init__(self, redis: redis_py.Redis) -> None:
        self._redis = redis

    def register_script(self, script: str) -> object:
        return self._redis.register_script(script.replace("ARGV[1]", "'nowhere'"))
