"""A stream in which nothing happens yet is kept alive by comments."""

from tests.support import api_fakes
from tests.support.api_fake_worker import FakeWorker
from tests.support.api_fakes import MODEL


def test_comments_come_while_there_is_nothing_to_send(redis_url: str, worker: FakeWorker) -> None:
    asked = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "hang"}]}
    with api_fakes.client(redis_url, ping_interval_s=0) as client:
        answer = client.post("/v1/chat/completions", json=asked)
        parts = iter(answer.response)
        first, second = next(parts), next(parts)
        answer.close()

    assert b'"role":"assistant"' in first
    assert second == b": keep-alive\n\n"
