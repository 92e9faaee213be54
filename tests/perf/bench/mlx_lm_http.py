"""mlx_lm.server over HTTP: its own process with the BLAS that our engine has, asked as OpenAI's clients ask."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPResponse
from pathlib import Path
from typing import Self

import orjson

from queue_config.settings import CHECKOUT
from tests.perf.bench.asks import Ask
from tests.perf.bench.report import MLX_LM
from tests.perf.bench.streams import Stream
from tests.support.service import free_port

START_PATIENCE_S = 180.0
RETRY_S = 0.05


class MlxLmTarget:
    name = MLX_LM

    def __init__(self, model: Path, log: Path, max_batch: int) -> None:
        self._model, self._log, self._max_batch = model, log, max_batch

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    def follow(self, ask: Ask, stream: Stream) -> None:
        params = ask.params
        messages = [{"role": "system", "content": ask.system}] if ask.system else []
        body = {
            "model": "default_model", "stream": True, "stream_options": {"include_usage": True},
            "messages": [*messages, {"role": "user", "content": ask.prompt}],
            "max_tokens": params.max_tokens, "temperature": params.temperature,
            "top_p": params.top_p, "top_k": params.top_k,
        }  # fmt: skip
        request = urllib.request.Request(
            self._url("/v1/chat/completions"), orjson.dumps(body), {"content-type": "application/json"}
        )
        with self._opened(request, stream) as lines:
            for line in lines:
                if line.startswith(b"data: {"):
                    self._note(orjson.loads(line[6:]), stream)
                stream.check()

    def restart(self) -> None:
        """It goes on computing for readers that have left."""
        self.rest()
        self._start()

    def rest(self) -> bool:
        """End the process: with 64 rows it came to 46 of an H100's 80 GB, and kept them."""
        self._process.kill()
        self._process.wait()
        return True

    def wake(self) -> bool:
        if self._process.poll() is None:
            return False
        self._start()
        return True

    def _opened(self, request: urllib.request.Request, stream: Stream) -> HTTPResponse:
        """Asked again where the connection is reset, as it is when more than five come at once: so do OpenAI's clients.

        One that is reset behind its first line is an error.
        """
        while True:
            try:
                answer: HTTPResponse = urllib.request.urlopen(request, timeout=stream.limit_s)
            except (ConnectionResetError, urllib.error.URLError) as error:
                if not isinstance(getattr(error, "reason", error), ConnectionResetError):
                    raise
                stream.check()
                time.sleep(RETRY_S)
            else:
                return answer

    def _note(self, chunk: dict[str, object], stream: Stream) -> None:
        match chunk:
            case {"choices": [{"delta": {"content": str(text)}}]} if text:
                stream.text()
        match chunk:
            case {"usage": {"completion_tokens": int(tokens)}}:
                stream.tokens = tokens

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    def _start(self) -> None:
        self._port = free_port()
        words = ["--model", self._model, "--port", self._port, "--decode-concurrency", self._max_batch]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.perf.bench.mlx_lm_process", *map(str, words)],
                cwd=CHECKOUT, env=os.environ | {"HF_HUB_OFFLINE": "1"}, stdout=log, stderr=log,
            )  # fmt: skip
        give_up_at = time.monotonic() + START_PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"mlx_lm.server did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._url("/health"), timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False
