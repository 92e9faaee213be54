"""A master, its replica, and a Sentinel that makes the replica master when the master is gone: real, on loopback."""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import redis

from deploy.redis_server import find_server
from tests.support.service import free_port

SERVICE = "pensieve-test"
PATIENCE_S = 20.0
DOWN_AFTER_MS = 400


class Sentinels:
    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pensieve-sentinel-"))
        self.ports = [free_port(), free_port()]
        """Of the first master, and of its replica."""
        self._sentinel_port = free_port()
        self.url = f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{self._sentinel_port}/{SERVICE}/0"
        """The first Sentinel that it names is dead."""
        self._server = find_server().path
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._bring_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder)

    def kill_master(self) -> None:
        """kill -9; a few hundred milliseconds later the replica is the master."""
        self._processes[0].kill()
        self._processes[0].wait()

    def freeze_master(self) -> None:
        """Its connections stay open and silent, as those to a machine that was switched off."""
        self._processes[0].send_signal(signal.SIGSTOP)

    def thaw_master(self) -> None:
        """It still takes itself for the master, until the Sentinel tells it."""
        self._processes[0].send_signal(signal.SIGCONT)

    def _bring_up(self) -> None:
        master, replica = self.ports
        durable = ('save ""', "appendonly yes", "repl-diskless-sync-delay 0")
        self._start("master", f"port {master}", *durable)
        self._start("replica", f"port {replica}", *durable, f"replicaof 127.0.0.1 {master}")
        self._wait_for(replica, lambda client: client.info("replication")["master_link_status"] == "up")
        self._start(
            "sentinel",
            f"port {self._sentinel_port}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {master} 1",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 2000",
            option="--sentinel",
        )
        # It learns of the replica from the master, which it asks every ten seconds or at its first look.
        self._wait_for(self._sentinel_port, lambda client: client.sentinel_master(SERVICE)["num-slaves"] == 1)

    def _start(self, name: str, *lines: str, option: str = "--daemonize no") -> None:
        config = self.folder / f"{name}.conf"
        folder = self.folder / name
        folder.mkdir()
        config.write_text("\n".join([*lines, f"dir {folder}", "bind 127.0.0.1"]))
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [str(self._server), str(config), *option.split()]
            self._processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def _wait_for(self, port: int, condition: object) -> None:
        assert callable(condition)
        give_up_at = time.monotonic() + PATIENCE_S
        with redis.Redis(port=port) as client:
            while True:
                try:
                    if condition(client):
                        return
                except redis.RedisError:
                    pass
                assert time.monotonic() < give_up_at, [path.read_text() for path in self.folder.glob("*.log")]
                time.sleep(0.02)
