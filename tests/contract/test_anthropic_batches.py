"""The official SDK's batches against the API, over processes that die."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import anthropic
import pytest
import redis as redis_py
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types.messages import MessageBatch
from anthropic.types.messages.batch_create_params import Request

from tests.contract.conftest import KEY
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL
from tests.support.api_server import ApiServer


@pytest.fixture
def sdk(server: ApiServer, redis: redis_py.Redis) -> Iterator[Anthropic]:
    with Anthropic(base_url=server.url, api_key=KEY, max_retries=0) as sdk:
        yield sdk


def request(custom_id: str, text: str) -> Request:
    return {
        "custom_id": custom_id,
        "params": {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": text}]},
    }


def ended(sdk: Anthropic, batch_id: str) -> MessageBatch:
    give_up_at = time.monotonic() + 60
    while True:
        batch = sdk.messages.batches.retrieve(batch_id)
        if batch.processing_status == "ended":
            return batch
        assert time.monotonic() < give_up_at, batch
        time.sleep(0.05)


def test_a_batch_from_its_creation_to_its_results(sdk: Anthropic, worker: FakeWorker) -> None:
    batch = sdk.messages.batches.create(
        requests=[request("good", "Hello there"), request("bad", "fail api_error"), request("long", "x" * 5000)]
    )
    done = ended(sdk, batch.id)
    found = {line.custom_id: line.result for line in sdk.messages.batches.results(batch.id)}

    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 3)
    assert (batch.expires_at - batch.created_at).total_seconds() == 86_400
    assert done.request_counts.to_dict() == {
        "processing": 0,
        "succeeded": 1,
        "errored": 2,
        "canceled": 0,
        "expired": 0,
    }
    assert found["good"].type == "succeeded"
    assert found["good"].message.content[0].to_dict() == {"type": "text", "text": "Hello there "}
    assert found["bad"].type == "errored"
    assert found["bad"].error.error.type == "api_error"
    assert found["long"].type == "errored"
    assert found["long"].error.error.message == "prompt is too long: 5017 tokens > 2000 maximum"


def test_batches_are_listed_over_pages_canceled_and_deleted(sdk: Anthropic, worker: FakeWorker) -> None:
    created = [sdk.messages.batches.create(requests=[request("a", "hang")]).id for _ in range(3)]
    listed = [batch.id for batch in sdk.messages.batches.list(limit=2)]
    canceling = [sdk.messages.batches.cancel(batch_id).processing_status for batch_id in created]
    with pytest.raises(anthropic.BadRequestError, match="has not ended"):
        sdk.messages.batches.delete(sdk.messages.batches.create(requests=[request("a", "hang")]).id)
    counts = [ended(sdk, batch_id).request_counts.canceled for batch_id in created]
    deleted = sdk.messages.batches.delete(created[0])

    assert listed == created[::-1]
    assert (set(canceling), counts) == ({"canceling"}, [1, 1, 1])
    assert deleted.to_dict() == {"id": created[0], "type": "message_batch_deleted"}
    with pytest.raises(anthropic.NotFoundError):
        sdk.messages.batches.retrieve(created[0])


def test_the_asynchronous_sdk_reads_results_too(server: ApiServer, sdk: Anthropic, worker: FakeWorker) -> None:
    batch = sdk.messages.batches.create(requests=[request(f"n{n}", f"word{n}") for n in range(5)])
    ended(sdk, batch.id)

    async def read() -> dict[str, str]:
        async with AsyncAnthropic(base_url=server.url, api_key=KEY) as client:
            return {line.custom_id: line.result.type async for line in await client.messages.batches.results(batch.id)}

    assert asyncio.run(read()) == {f"n{n}": "succeeded" for n in range(5)}


def test_results_can_not_be_had_before_the_end(sdk: Anthropic, worker: FakeWorker) -> None:
    batch = sdk.messages.batches.create(requests=[request("a", "hang")])

    with pytest.raises(anthropic.AnthropicError, match="No `results_url` for the given batch"):
        sdk.messages.batches.results(batch.id)


def test_a_wrong_batch_raises_what_the_sdk_has_for_it(sdk: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"requests\.1\.custom_id: is the same"):
        sdk.messages.batches.create(requests=[request("a", "x"), request("a", "y")])
    with pytest.raises(anthropic.NotFoundError):
        sdk.messages.batches.cancel("msgbatch_nobody")


def test_a_batch_survives_kill_9_of_the_api_again_and_again(redis_url: str, tmp_path: Path, worker: FakeWorker) -> None:
    api = ApiServer(redis_url, tmp_path / "gunicorn.log", batch_window=16, api_processes=2)
    with api, Anthropic(base_url=api.url, api_key="any") as sdk:
        batch_id = sdk.messages.batches.create(
            requests=[request(f"n{n}", "fail api_error" if n % 10 == 0 else f"trickle 2 number{n}") for n in range(150)]
        ).id
        for taken in (20, 50, 90):
            worker.wait_until_taken(taken)
            api.kill()
            api.__enter__()
        done = ended(sdk, batch_id)
        lines = list(sdk.messages.batches.results(batch_id))

    assert (done.request_counts.succeeded, done.request_counts.errored) == (135, 15)
    assert sorted(line.custom_id for line in lines) == sorted(f"n{n}" for n in range(150))
    # Exactly once, since no worker died.
    assert len(worker.taken) == 150
