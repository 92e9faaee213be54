"""Prompts don't cross a network in the clear unless somebody says so."""

import pytest

from queue_config.errors import BadSetting
from queue_config.redis_trust import is_private
from queue_config.settings import Settings


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///run/redis.sock?db=0", True),
        ("redis://127.0.0.1:6379/0", True),
        ("redis://localhost", True),
        ("redis:///0", True),
        ("redis://user:p%40ss@[::1]:6379/0", True),
        ("rediss://redis.example:6379/0", True),
        ("rediss+sentinel://a.example,b.example/service/0", True),
        ("redis+sentinel://127.0.0.1,[::1]:7002/service/0", True),
        ("redis+sentinel://127.0.0.1,[2001:db8::1]:7002/service/0", False),
        ("redis://redis.example:6379/0", False),
        ("redis://:secret@10.0.0.1/0", False),
        ("redis://localhost@evil.example/0", False),
        ("redis+sentinel://127.0.0.1:26379,10.0.0.2:26379/service/0", False),
    ],
)
def test_a_redis_is_private_on_this_machine_or_over_tls(url: str, expected: bool) -> None:
    assert is_private(url) == expected


def test_another_one_must_be_wanted() -> None:
    asked = {"PENSIEVE_REDIS_URL": "redis://:secret@10.0.0.1/0"}
    with pytest.raises(BadSetting, match="PENSIEVE_REDIS_PLAINTEXT=1") as refused:
        Settings.from_env(asked)

    assert "secret" not in str(refused.value)
    assert Settings.from_env(asked | {"PENSIEVE_REDIS_PLAINTEXT": "1"}).redis_url == asked["PENSIEVE_REDIS_URL"]
