"""How patient the API is with connections that say nothing."""

import pytest

from deploy.gevent_worker import may_connect, patience_s
from deploy.limits import connections_within


@pytest.mark.parametrize(("open_connections", "expected_s"), [(0, 10.0), (750, 10.0), (751, 2.0), (1_000, 2.0)])
def test_patience_ends_sooner_in_a_crowd(open_connections: int, expected_s: float) -> None:
    assert patience_s(open_connections, 1_000, 10.0) == expected_s
    assert patience_s(open_connections, 1_000, 1.0) == 1.0


@pytest.mark.parametrize(
    ("address", "open_from_there", "expected"),
    [
        ("192.0.2.1", 499, True),
        ("192.0.2.1", 500, False),
        ("fe80::1%eth0", 500, False),
        ("127.0.0.1", 999, True),
        ("::1", 999, True),
        ("", 999, True),
    ],
)
def test_one_address_may_have_half_of_all_connections_but_this_machine_all(
    address: str, open_from_there: int, expected: bool
) -> None:
    assert may_connect(address, open_from_there, 1_000) == expected


@pytest.mark.parametrize(("open_files", "expected"), [(65_536, 5_000), (4_096, 3_896), (300, 150)])
def test_a_crowd_is_one_before_the_files_end(open_files: int, expected: int) -> None:
    assert connections_within(open_files, most=5_000) == expected
