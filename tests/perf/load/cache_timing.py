"""Whether one key can tell by the time to the first token what another key has asked: it may not; its own it can."""

import asyncio
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from queue_config.api_keys import SCOPES, KeyFile, Limits
from tests.chaos.prompts import echo
from tests.chaos.real_model import write_model
from tests.chaos.testbed import Testbed
from tests.perf.bench.streams import p50
from tests.perf.load.conditions import Conditions
from tests.perf.load.http_client import ask, asked
from tests.perf.load.ranks import auc
from tests.perf.load.results import Bar, Outcome

PROMPTS = 150
"""Of each kind: with so many chance alone moves the figure by 0.03."""
WORDS = 150
MAX_AUC = 0.6
MIN_CONTROL_AUC = 0.9
"""What the same clock must tell of the attacker's own prompts; otherwise it would find nothing anywhere."""


def run(conditions: Conditions) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="pensieve-load-") as folder:
        model = write_model(Path(folder) / "tiny")
        with Testbed(engine="mlx", model=str(model), max_batch=4) as testbed:
            keys = KeyFile(testbed.home)
            # Both guess and wait one request at a time, so no limit of theirs is in the way.
            victim, attacker = (keys.create(name, SCOPES, Limits()) for name in ("victim", "attacker"))
            return asyncio.run(_attacked(testbed.settings.port, victim, attacker, conditions.count(PROMPTS)))


async def _attacked(port: int, victim: str, attacker: str, prompts: int) -> Outcome:
    draw = random.Random(7)
    seen_ms: list[float] = []
    unseen_ms: list[float] = []
    own_ms: list[float] = []
    seen_tokens: list[int] = []
    unseen_tokens: list[int] = []
    for number in range(-3, prompts):
        seen, unseen = _body(2 * number), _body(2 * number + 1)
        first = await ask(port, "POST", "/v1/messages", seen, x_api_key=victim)
        if first.status != 200:
            raise RuntimeError(f"the victim got {first.status}: {first.body!r}")
        tries = [(seen, seen_ms, seen_tokens), (unseen, unseen_ms, unseen_tokens)]
        draw.shuffle(tries)
        for body, took_ms, cached_tokens in [*tries, (seen, own_ms, [])]:
            took, cached = await _first_token(port, body, attacker)
            # The first ones warm the service up.
            if number >= 0:
                took_ms.append(took)
                cached_tokens.append(cached)
    others, own = auc(seen_ms, unseen_ms), auc(own_ms, unseen_ms)
    strength = max(others, 1 - others)
    return Outcome(
        [
            Bar(
                f"cache timing between two keys: a classifier's AUC at most {MAX_AUC}",
                f"{strength:.3f}",
                strength <= MAX_AUC and own >= MIN_CONTROL_AUC,
            ),
            Bar(
                "usage tells no more: as many tokens read from the cache for the victim's prompts as for nobody's",
                f"at most {max(seen_tokens)} and {max(unseen_tokens)}, of all prompts' common beginning",
                set(seen_tokens) == set(unseen_tokens),
            ),
        ],
        {
            "AUC of the attacker's own prompts (the control)": round(own, 3),
            "prompts of each kind": prompts,
            "first token, p50 ms: the victim's prompts": round(p50(seen_ms), 1),
            "first token, p50 ms: nobody's prompts": round(p50(unseen_ms), 1),
            "first token, p50 ms: the attacker's own": round(p50(own_ms), 1),
        },
    )


def _body(number: int) -> dict[str, Any]:
    text = f"{number} {echo(number, WORDS).text}"
    return {"model": "tiny", "max_tokens": 1, "temperature": 0, "messages": [{"role": "user", "content": text}]}


async def _first_token(port: int, body: dict[str, Any], key: str) -> tuple[float, int]:
    """Milliseconds to the answer's first piece, and the tokens that its usage says came from a cache."""
    began_at = time.monotonic()
    took_ms, cached_tokens = 0.0, 0
    async with asked(port, "POST", "/v1/messages", body | {"stream": True}, x_api_key=key) as answer:
        if answer.status != 200:
            raise RuntimeError(f"the attacker got {answer.status}")
        async for piece in answer.pieces():
            if not took_ms and b"content_block_start" in piece:
                took_ms = (time.monotonic() - began_at) * 1000
            for event in piece.split(b"\n\n"):
                usage = orjson.loads(event.partition(b"\ndata: ")[2]).get("usage", {}) if event else {}
                cached_tokens = max(cached_tokens, usage.get("cache_read_input_tokens") or 0)
    return took_ms, cached_tokens
