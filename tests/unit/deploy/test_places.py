"""Where a service keeps its state."""

import stat
from pathlib import Path

import pytest

from deploy.failure import Failure
from deploy.places import MAX_SOCKET_BYTES, places, prepare


def test_all_state_lies_under_the_home() -> None:
    where = places(Path("/short/.pensieve"))

    assert where.supervisor_socket == Path("/short/.pensieve/run/supervisor.sock")
    assert where.redis_socket == Path("/short/.pensieve/run/redis.sock")
    assert where.log_of("api") == Path("/short/.pensieve/logs/api.log")


def test_a_deep_home_gets_sockets_that_a_mac_can_bind() -> None:
    where = places(Path("/very/deep" * 20))

    assert len(f"{where.supervisor_socket}.4194304") <= MAX_SOCKET_BYTES
    assert len(str(where.redis_socket)) <= MAX_SOCKET_BYTES


def test_two_homes_share_neither_sockets_nor_identity() -> None:
    one, two = (places(Path(f"/{'deep' * 40}/{name}")) for name in ("one", "two"))

    assert one.run != two.run
    assert one.identity != two.identity


def test_the_folders_are_made_private(tmp_path: Path) -> None:
    where = places(tmp_path / "home")
    (tmp_path / "home").mkdir(mode=0o755)
    prepare(where)

    folders = (where.home, where.run, where.logs, where.redis_data)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 4


def test_a_home_that_can_t_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Failure, match="Set PENSIEVE_HOME to a folder that you may write"):
        prepare(places(tmp_path / "file" / "home"))


def test_sockets_never_go_where_a_link_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.places.SHORT_ROOT", tmp_path)
    where = places(tmp_path / ("deep" * 40))
    (tmp_path / "elsewhere").mkdir()
    where.run.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Failure, match="belongs to somebody else"):
        prepare(where)
