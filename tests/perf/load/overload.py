"""Five times more requests than the service can answer: does it still answer as many, and how does it say no?"""

import asyncio
import math
import random
import time
from collections import Counter
from dataclasses import dataclass

from deploy.limits import raise_open_files
from tests.chaos.testbed import Testbed
from tests.perf.bench.streams import Stream, p50, p99
from tests.perf.load.conditions import Conditions
from tests.perf.load.http_client import asked
from tests.perf.load.results import Bar, Outcome
from tests.perf.load.service import body
from tests.perf.load.streams import Listener

BATCH = 16
TOKENS = 20
"""Of each answer: a second's worth."""
SATURATING = BATCH + BATCH // 2
"""Clients that ask again as soon as they have their answer: the batch is always full, and nobody is refused."""
PEAK_S = 20.0
OVERLOAD_S = 60.0
TIMES = 5
MIN_GOODPUT = 0.9
MAX_REFUSAL_MS = 100
MAX_RECOVERY_S = 10.0
PROBE_EVERY_S = 0.25
PROBES_S = 20.0


@dataclass(slots=True)
class Asked:
    sent_at: float
    status: int = 0
    took_ms: float = 0.0
    """To the head of the answer."""
    retry_after: str = ""
    first_s: float = math.inf
    ended_at: float = math.inf


def run(conditions: Conditions) -> Outcome:
    raise_open_files()
    with Testbed(max_batch=BATCH) as testbed:
        return asyncio.run(_overloaded(testbed.settings.port, conditions))


async def _overloaded(port: int, conditions: Conditions) -> Outcome:
    before = await _probes(port, 3.0)
    usual_s = p50([probe.first_s for probe in before])
    peak = await _peak(port, conditions.seconds(PEAK_S))
    seconds = conditions.seconds(OVERLOAD_S)
    began_at = time.monotonic()
    offered = await _offer(port, TIMES * peak, seconds)
    over_at = time.monotonic()
    after = await _probes(port, PROBES_S)
    everything = await asyncio.gather(*offered)
    # An answer's time before the first ones can have ended is no loss.
    answer_s = peak and BATCH / peak
    served = [one for one in everything if began_at + answer_s <= one.ended_at <= over_at]
    goodput = len(served) / (over_at - began_at - answer_s)
    refused = [one for one in everything if one.status != 200]
    slow = [probe for probe in after if probe.first_s > 2 * usual_s + 0.1]
    recovered_s = max((probe.sent_at - over_at + PROBE_EVERY_S for probe in slow), default=0.0)
    refusal_ms = p99([one.took_ms for one in refused]) if refused else math.inf
    polite = all(one.status in {429, 529} and one.retry_after.isdigit() for one in refused)
    return Outcome(
        [
            Bar(
                f"{TIMES} times overload for {seconds:.0f} s: goodput at least {MIN_GOODPUT:.0%} of the peak",
                f"{goodput / peak:.0%}",
                goodput >= MIN_GOODPUT * peak,
            ),
            Bar(
                f"refusals, all 429 or 529 with retry-after: p99 under {MAX_REFUSAL_MS} ms",
                f"{refusal_ms:.0f} ms" + ("" if polite else ", not all of them such"),
                polite and refusal_ms < MAX_REFUSAL_MS,
            ),
            Bar(
                f"first tokens as fast as before within {MAX_RECOVERY_S:.0f} s of its end",
                f"{recovered_s:.1f} s",
                recovered_s <= MAX_RECOVERY_S,
            ),
        ],
        {
            "answers a second at the peak": round(peak, 1),
            "answers a second in the overload": round(goodput, 1),
            "requests a second offered": round(len(everything) / (over_at - began_at), 1),
            "statuses": dict(Counter(str(one.status) for one in everything)),
            "accepted and not answered": sum(one.status == 200 and one.ended_at == math.inf for one in everything),
            "refusals p50 ms": round(p50([one.took_ms for one in refused]), 1) if refused else None,
            "first token before, p50 ms": round(usual_s * 1000),
        },
    )


async def _one(port: int, number: int) -> Asked:
    found = Asked(time.monotonic())
    listener = Listener(Stream(limit_s=600.0))
    try:
        async with asked(port, "POST", "/v1/messages", body(number, TOKENS) | {"stream": True}) as answer:
            found.status, found.took_ms = answer.status, answer.head_ms
            found.retry_after = answer.headers.get("retry-after", "")
            if answer.status == 200:
                await listener.read(answer)
    except (OSError, EOFError, TimeoutError):
        return found
    if listener.times.texts_at:
        found.first_s = listener.times.texts_at[0] - found.sent_at
    if listener.end == "message_stop":
        found.ended_at = time.monotonic()
    return found


async def _peak(port: int, seconds: float) -> float:
    """Answers a second that end, where there is always enough to do and never too much."""
    ended_at: list[float] = []
    give_up_at = time.monotonic() + seconds

    async def client(number: int) -> None:
        while time.monotonic() < give_up_at:
            found = await _one(port, number)
            if found.ended_at == math.inf:
                raise RuntimeError(f"at the peak a request got {found}")
            ended_at.append(found.ended_at)

    await asyncio.gather(*(client(number) for number in range(SATURATING)))
    # The first and the last answers come while the batch fills and empties.
    steady = (give_up_at - seconds * 3 / 4, give_up_at)
    return sum(steady[0] <= at <= steady[1] for at in ended_at) / (steady[1] - steady[0])


async def _offer(port: int, per_s: float, seconds: float) -> list[asyncio.Task[Asked]]:
    """Whether they are answered or not, as a crowd does that knows nothing of each other; waits for no answer."""
    draw = random.Random(5)
    tasks: list[asyncio.Task[Asked]] = []
    now = time.monotonic()
    due_at, give_up_at = now, now + seconds
    while due_at < give_up_at:
        await asyncio.sleep(max(0.0, due_at - time.monotonic()))
        tasks.append(asyncio.create_task(_one(port, len(tasks))))
        due_at += draw.expovariate(per_s)
    return tasks


async def _probes(port: int, seconds: float) -> list[Asked]:
    """A few requests a second, and what becomes of them."""
    probes = []
    for number in range(round(seconds / PROBE_EVERY_S)):
        probes.append(asyncio.create_task(_one(port, 1_000_000 + number)))
        await asyncio.sleep(PROBE_EVERY_S)
    return list(await asyncio.gather(*probes))
