"""The forms of PENSIEVE_REDIS_URL."""

import pytest

from queue_config.redis_url import parse, without_password, without_user
from queue_config.redis_wire import (
    MasterConnection,
    MasterTlsConnection,
    SocketConnection,
    TcpConnection,
    TlsConnection,
)


@pytest.mark.parametrize(
    ("url", "kind", "options"),
    [
        ("redis://a.example:7000/2", TcpConnection, {"host": "a.example", "port": 7000, "db": 2}),
        ("redis://me:s%40cret@a/0", TcpConnection, {"host": "a", "db": 0, "username": "me", "password": "s@cret"}),
        ("rediss://a/0?ssl_ca_certs=/ca.pem", TlsConnection, {"host": "a", "db": 0, "ssl_ca_certs": "/ca.pem"}),
        ("unix:///run/redis.sock?db=1", SocketConnection, {"path": "/run/redis.sock", "db": 1}),
    ],
)
def test_one_server(url: str, kind: type, options: dict[str, object]) -> None:
    assert parse(url) == (kind, options, None)


def test_sentinels_have_options_of_their_own() -> None:
    url = "redis+sentinel://me:secret@a,b:7001,[::1]:7002/mymaster/3?sentinel_password=other"

    assert parse(url) == (
        MasterConnection,
        {
            "username": "me",
            "password": "secret",
            "db": 3,
            "service": "mymaster",
            "sentinels": [("a", 26379), ("b", 7001), ("::1", 7002)],
        },
        {"password": "other"},
    )


def test_tls_is_for_the_master_and_the_sentinels() -> None:
    connection_class, options, asking = parse("rediss+sentinel://a/mymaster?ssl_ca_certs=/ca.pem")

    assert (connection_class, options["ssl_ca_certs"]) == (MasterTlsConnection, "/ca.pem")
    assert asking == {"ssl": True, "ssl_ca_certs": "/ca.pem"}


@pytest.mark.parametrize(
    "url", ["", "localhost:6379", "http://a/0", "redis+sentinel://a", "redis+sentinel:///m", "redis+sentinel://a/m/x"]
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        parse(url)


def test_no_password_is_ever_shown() -> None:
    url = "redis+sentinel://me:secret@a,b:7001,[::1]:7002/mymaster/3?sentinel_password=other"

    assert without_password(url) == "redis+sentinel://a,b:7001,[::1]:7002/mymaster/3"


@pytest.mark.parametrize(
    ("url", "stranger"),
    [
        ("redis://me:secret@a:1/2", "redis://a:1/2"),
        ("rediss://a/0?username=me&password=secret&ssl_ca_certs=/ca.pem", "rediss://a/0?ssl_ca_certs=/ca.pem"),
        (
            "redis+sentinel://me:secret@a,[::1]/m/3?sentinel_password=other",
            "redis+sentinel://a,[::1]/m/3?sentinel_password=other",
        ),
    ],
)
def test_a_stranger_knows_the_way_and_no_password_of_redis(url: str, stranger: str) -> None:
    assert without_user(url) == stranger
