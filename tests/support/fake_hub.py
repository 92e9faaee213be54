"""A model hub on a local port: one repository, of the files that a test gives it."""

import hashlib
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """Serves while it is entered; `requested` lists the paths that clients asked for."""

    def __init__(self, repo: str, files: Mapping[str, bytes]) -> None:
        self.requested: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(repo, files, self.requested))
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(repo: str, files: Mapping[str, bytes], requested: list[str]) -> type[BaseHTTPRequestHandler]:
    tree = [
        {
            "type": "file",
            "path": name,
            "rfilename": name,
            "size": len(content),
            "oid": hashlib.sha1(content).hexdigest(),
        }
        for name, content in files.items()
    ]

    def content_at(path: str) -> bytes | None:
        if path.startswith(f"/api/models/{repo}/tree/"):
            return json.dumps(tree).encode()
        if path == f"/api/models/{repo}" or path.startswith(f"/api/models/{repo}/"):
            return json.dumps({"id": repo, "sha": COMMIT, "siblings": tree}).encode()
        return files.get(path.removeprefix(f"/{repo}/resolve/{COMMIT}/"))

    class Handler(_Handler):
        def content(self, path: str) -> bytes | None:
            requested.append(path)
            return content_at(path)

    return Handler


class _Handler(BaseHTTPRequestHandler):
    def content(self, path: str) -> bytes | None:
        raise NotImplementedError

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        content = self.content(self.path.partition("?")[0])
        self.send_response(404 if content is None else 200)
        if content is None:
            self.send_header("X-Error-Code", "RepoNotFound")
        content = content or b""
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet: tests print nothing."""
