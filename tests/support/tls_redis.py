"""A Redis that speaks TLS only, with a certificate of its own making; some servers are built without it."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self
from urllib.parse import quote

import redis

from deploy.redis_server import find_server
from tests.support.service import free_port

PATIENCE_S = 20.0


class NoTls(Exception):
    """The server, or the machine, can't."""


class TlsRedis:
    """`url` trusts its certificate. Raises NoTls on entering."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pensieve-tls-"))
        self._port = free_port()
        self._certificate, self._key = self.folder / "cert.pem", self.folder / "key.pem"
        self.stranger = f"rediss://127.0.0.1:{self._port}/0"
        self.url = f"{self.stranger}?ssl_ca_certs={quote(str(self._certificate))}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder)

    def _start(self) -> None:
        if shutil.which("openssl") is None:
            raise NoTls("no openssl on this machine")
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(self._key), "-out", str(self._certificate)]
        subprocess.run(made, check=True, capture_output=True)
        options = {"tls-cert-file": self._certificate, "tls-key-file": self._key, "tls-ca-cert-file": self._certificate}
        words = [f"--{name}={value}".partition("=")[::2] for name, value in options.items()]
        command = [str(find_server().path), "--port", "0", "--tls-port", str(self._port), "--dir", str(self.folder)]
        command += [word for pair in words for word in pair] + ["--tls-auth-clients", "no", "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        give_up_at = time.monotonic() + PATIENCE_S
        with redis.Redis.from_url(self.url) as client:
            while time.monotonic() < give_up_at:
                if self._process.poll() is not None:
                    raise NoTls("this server was built without TLS")
                try:
                    client.ping()
                except redis.ConnectionError:
                    time.sleep(0.02)
                else:
                    return
        raise RuntimeError("the server did not start")
