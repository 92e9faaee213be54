"""Who is let in: the queue's bounds, a key's share of it, and its buckets, on fakeredis with Lua."""

import time
from typing import cast

import orjson
import pytest
from fakeredis import FakeRedis
from redis import Redis

from queue_config import keys
from queue_config.admission import FULL_S, Admission, Charges, Verdict
from queue_config.api_keys import UNLIMITED, Limits
from queue_config.fair_order import FairOrder

QUEUES = ["rq:queue:interactive", "rq:queue:background"]
FREE = Verdict("", 0, (0, 0, 0))


@pytest.fixture
def redis() -> Redis:
    return cast(Redis, FakeRedis())


def add(redis: Redis, tenant: str, job_id: str, tokens: int = 10, queue: str = QUEUES[0]) -> None:
    """Queue it as JobQueue does."""
    redis.hset(f"rq:job:{job_id}", "meta", orjson.dumps({"tenant": tenant, "input_tokens": tokens}))
    with redis.pipeline() as pipe:
        pipe.rpush(queue, job_id)
        FairOrder(redis).place(pipe, queue, job_id, tenant)
        pipe.execute()


def ask(redis: Redis, tenant: str = "a", tokens: int = 10, limits: Limits = UNLIMITED, **bounds: int) -> Verdict:
    room = {"max_waiting": 8, "max_waiting_tokens": 1_000} | bounds
    admission = Admission(redis, max_waiting=room["max_waiting"], max_waiting_tokens=room["max_waiting_tokens"])
    return admission.ask(QUEUES, tenant, tokens, limits, leaves_room=tenant != "owner")


def waiting(redis: Redis, queue: str = QUEUES[0]) -> str:
    return b" ".join(cast(list[bytes], redis.lrange(queue, 0, -1))).decode()


def test_a_queue_is_full_by_requests_of_all_its_lanes(redis: Redis) -> None:
    for n in range(4):
        add(redis, "owner", f"i{n}", queue=QUEUES[0])
        add(redis, "owner", f"b{n}", queue=QUEUES[1])

    assert ask(redis, "owner") == Verdict("queue", 0, (0, 0, 0))
    assert ask(redis, "owner", max_waiting=9) == FREE


def test_a_queue_that_was_full_of_requests_is_not_asked_about_for_a_moment(redis: Redis) -> None:
    now = 100.0
    admission = Admission(redis, max_waiting=1, max_waiting_tokens=1_000, clock=lambda: now)
    add(redis, "b", "waits")
    verdicts = [admission.ask(QUEUES, "a", 10, UNLIMITED, leaves_room=False)]
    redis.delete(QUEUES[0])
    verdicts.append(admission.ask(QUEUES, "a", 10, UNLIMITED, leaves_room=False))
    now += 2 * FULL_S
    verdicts.append(admission.ask(QUEUES, "a", 10, UNLIMITED, leaves_room=False))

    assert verdicts == [Verdict("queue", 0, (0, 0, 0)), Verdict("queue", 0, (0, 0, 0)), FREE]


def test_a_queue_is_full_by_tokens_but_an_empty_one_takes_any_prompt(redis: Redis) -> None:
    first = ask(redis, tokens=5_000)
    add(redis, "b", "large", tokens=995)

    assert first == FREE
    assert ask(redis, tokens=5) == FREE
    assert ask(redis, tokens=6) == Verdict("queue", 0, (0, 0, 0))


def test_a_key_that_floods_leaves_as_much_free_for_others_as_it_takes(redis: Redis) -> None:
    let_in = ""
    for tenant in ("a", "b"):
        while ask(redis, tenant) == FREE:
            add(redis, tenant, f"{tenant}{len(let_in)}")
            let_in += tenant

    assert let_in == "aaaabb"
    assert ask(redis, "a").short == "share"
    assert ask(redis, "owner") == FREE


def test_a_newcomers_request_goes_behind_one_of_everybody_else(redis: Redis) -> None:
    for n in range(4):
        add(redis, "a", f"a{n}")
    add(redis, "b", "b0")
    add(redis, "c", "c0")
    add(redis, "b", "b1")

    assert waiting(redis) == "a0 b0 c0 a1 b1 a2 a3"


def test_turns_go_on_while_workers_take_from_the_front(redis: Redis) -> None:
    for n in range(4):
        add(redis, "a", f"a{n}")
    add(redis, "b", "b0")
    redis.lpop(QUEUES[0], 2)
    add(redis, "b", "b1")

    assert waiting(redis) == "a1 b1 a2 a3"


def test_without_keys_the_first_come_is_the_first_served(redis: Redis) -> None:
    for n in range(3):
        add(redis, "", f"r{n}")

    assert waiting(redis) == "r0 r1 r2"


def test_a_keys_requests_are_counted_by_the_minute(redis: Redis) -> None:
    limits = Limits(requests_per_minute=2)
    verdicts = [ask(redis, limits=limits) for _ in range(3)]

    assert [(verdict.short, verdict.held[0]) for verdict in verdicts] == [("", 1), ("", 0), ("requests", 0)]
    assert 28 <= verdicts[2].retry_after_s <= 30
    assert ask(redis, "b", limits=limits).short == ""


def test_a_bucket_fills_again_and_never_beyond_a_minutes_worth(redis: Redis) -> None:
    limits = Limits(requests_per_minute=60)
    for _ in range(60):
        ask(redis, limits=limits)
    emptied = ask(redis, limits=limits).short
    redis.hset(keys.rate("a"), "at", time.time() - 10)
    after_10_s = ask(redis, limits=limits)
    redis.hset(keys.rate("a"), "at", time.time() - 1_000)
    after_an_hour = ask(redis, limits=limits)

    assert emptied == "requests"
    assert after_10_s.held[0] in {9, 10}
    assert after_an_hour.held[0] == 59


def test_tokens_are_charged_when_they_are_known_and_debts_are_paid_first(redis: Redis) -> None:
    limits = Limits(input_tokens_per_minute=100, output_tokens_per_minute=60)
    first = ask(redis, limits=limits, tokens=80)
    Charges(redis).charge("a", input_tokens=70)
    too_long = ask(redis, limits=limits, tokens=80)
    Charges(redis).charge("a", output_tokens=90)
    in_debt = ask(redis, limits=limits, tokens=1)

    assert (first.short, first.held) == ("", (0, 100, 60))
    assert (too_long.short, too_long.retry_after_s) == ("input", 30)
    assert (in_debt.short, in_debt.retry_after_s) == ("output", 31)


def test_a_prompt_larger_than_a_minutes_worth_gets_in_when_the_bucket_is_full(redis: Redis) -> None:
    assert ask(redis, limits=Limits(input_tokens_per_minute=100), tokens=900).short == ""


def test_only_keys_with_limits_leave_anything_in_redis_and_not_for_ever(redis: Redis) -> None:
    ask(redis, "a")
    Charges(redis).charge("a", input_tokens=5, output_tokens=5)
    ask(redis, "b", limits=Limits(requests_per_minute=5))

    assert redis.keys() == [keys.rate("b").encode()]
    assert 0 < redis.ttl(keys.rate("b")) <= 3600
