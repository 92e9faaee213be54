"""`pensieve chat`: a conversation over the API."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import orjson
import pytest
from click.testing import CliRunner

from deploy.chat_client import Conversation, texts
from deploy.commands import chat as chat_command
from deploy.commands.chat import chat
from deploy.failure import Failure
from deploy.running import Running
from queue_config.settings import Settings


class Echoing(HTTPServer):
    """Streams the last words back, one delta a word; keeps every body; `refuse` fails the next request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.bodies: list[dict[str, object]] = []
        self.running = Running("127.0.0.1", self.server_port, "echo", worker=True, model_name="echo")


class Answering(BaseHTTPRequestHandler):
    server: Echoing

    def do_POST(self) -> None:
        body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.bodies.append(body)
        words = body["messages"][-1]["content"].split()
        if words == ["refuse"]:
            self._say(529, orjson.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "full"}}))
            return
        deltas = [
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": f"{word} "}} for word in words
        ]
        end = {"type": "error", "error": {"message": "broke"}} if words == ["break"] else {"type": "message_stop"}
        self._say(200, b"".join(b"event: x\ndata: " + orjson.dumps(event) + b"\n\n" for event in (*deltas, end)))

    def _say(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


@pytest.fixture
def server() -> Iterator[Echoing]:
    with Echoing() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def talked(server: Echoing, lines: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setattr(chat_command, "ready_service", lambda _settings, _say: server.running)
    environ = dict.fromkeys(Settings().to_env())
    result = CliRunner().invoke(chat, ["--system", "be brief"], input=lines, env=environ)
    return result.exit_code, result.output


def test_every_line_is_a_turn_with_all_that_was_said_before(server: Echoing, monkeypatch: pytest.MonkeyPatch) -> None:
    code, shown = talked(server, "hello there\n\nand you\n", monkeypatch)

    assert (code, shown) == (0, "hello there \nand you \n")
    assert server.bodies[1]["system"] == "be brief"
    assert server.bodies[1]["messages"] == [
        {"role": "user", "content": "hello there"},
        {"role": "assistant", "content": "hello there "},
        {"role": "user", "content": "and you"},
    ]


def test_clear_and_system_begin_anew_and_exit_ends(server: Echoing, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "one\n/clear\ntwo\n/system be long\nthree\n/system\nfour\n/nonsense\n/help\n/exit\nfive\n"
    code, shown = talked(server, lines, monkeypatch)

    assert code == 0
    assert [body["messages"] for body in server.bodies] == [
        [{"role": "user", "content": word}] for word in ("one", "two", "three", "four")
    ]
    assert [body.get("system") for body in server.bodies] == ["be brief", "be brief", "be long", None]
    assert "There is no /nonsense" in shown


def test_an_answer_that_is_closed_early_stands_as_far_as_it_came(server: Echoing) -> None:
    conversation = Conversation(server.running)
    answer = conversation.say("one two three")
    first = next(answer)
    answer.close()

    assert first == "one "
    assert conversation.messages == [
        {"role": "user", "content": "one two three"},
        {"role": "assistant", "content": "one "},
    ]


@pytest.mark.parametrize(("said", "why"), [("refuse", "full"), ("break", "broke")])
def test_a_refusal_and_a_failure_are_told_in_the_service_s_words(server: Echoing, said: str, why: str) -> None:
    with pytest.raises(Failure, match=why):
        list(Conversation(server.running).say(said))


def test_a_question_that_got_no_answer_is_not_part_of_the_conversation(server: Echoing) -> None:
    conversation = Conversation(server.running)
    with pytest.raises(Failure):
        list(conversation.say("refuse"))

    assert conversation.messages == []


def test_a_stream_that_ends_in_silence_is_no_answer() -> None:
    with pytest.raises(Failure, match="broke off"):
        list(texts([b"event: ping\n", b'data: {"type": "ping"}\n']))


def test_a_service_that_is_gone_is_one_sentence() -> None:
    with pytest.raises(Failure, match="does not answer"):
        list(Conversation(Running("127.0.0.1", 1, "echo", worker=True, model_name="echo")).say("hello"))


def test_ctrl_c_stops_the_answer_and_not_the_chat(server: Echoing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_command, "Conversation", InterruptedOnce)
    code, shown = talked(server, "one\ntwo\n", monkeypatch)

    assert (code, shown) == (0, "one  (stopped)\ntwo \n")


class InterruptedOnce(Conversation):
    """The user presses Ctrl-C after the first word of the first answer."""

    def say(self, text: str) -> Iterator[str]:  # type: ignore[override]
        for piece in super().say(text):
            yield piece
            if text == "one":
                raise KeyboardInterrupt
