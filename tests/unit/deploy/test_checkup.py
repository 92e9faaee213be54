"""`pensieve doctor`."""

import socket
from dataclasses import replace
from pathlib import Path

from deploy.checkup import examine
from queue_config.settings import Settings


def test_each_thing_that_is_wrong_comes_with_its_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = Settings(
            home=tmp_path,
            port=other.getsockname()[1],
            model="qwen3-8b-4bit",
            models_dir=tmp_path,
            redis_url="redis://127.0.0.1:1/0",
        )
        wrong = [finding for finding in examine(settings) if not finding.ok]

    assert [finding.what.split()[0] for finding in wrong] == ["no", f"127.0.0.1:{settings.port}", "model"]
    assert all(finding.remedy for finding in wrong)


def test_a_redis_that_answers_is_found(redis_url: str, tmp_path: Path) -> None:
    settings = replace(Settings(home=tmp_path), redis_url=redis_url)

    assert "the Redis that PENSIEVE_REDIS_URL names answers" in [finding.what for finding in examine(settings)]
