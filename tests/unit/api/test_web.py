"""The built-in page as it is served."""

import gzip
import re

from flask.testing import FlaskClient

from api.routes.web import POLICY
from api.web_files import FOLDER, WebFiles
from tests.support import api_fakes

BUDGET_BYTES = 200_000
MAX_LINES = 300


def client_with_a_key() -> FlaskClient:
    with api_fakes.client(api_key="secret") as client:
        return client


def test_all_of_it_together_is_small() -> None:
    sizes = {name: len(file.compressed) for name, file in WebFiles.read().files.items()}

    assert sum(sizes.values()) <= BUDGET_BYTES, sizes


def test_it_is_served_without_a_key_and_nothing_may_come_from_elsewhere() -> None:
    answer = client_with_a_key().get("/")
    text = answer.get_data(as_text=True)

    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    assert re.findall(r"(?:src|href)=\"(?!/web/[0-9a-f]{12}/)", text) == []
    assert re.findall(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", text) == []


def test_what_it_names_is_there_and_may_be_kept_for_ever() -> None:
    client = client_with_a_key()
    named = re.findall(r"(?:src|href)=\"([^\"]+)\"", client.get("/").get_data(as_text=True))
    answers = [client.get(name) for name in named]

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"public, max-age=31536000, immutable"}


def test_a_file_is_compressed_for_those_who_can_read_that() -> None:
    client = client_with_a_key()
    plain = client.get("/web/old/main.js")
    packed = client.get("/web/old/main.js", headers={"Accept-Encoding": "gzip, br"})

    assert plain.headers.get("Content-Encoding") is None
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data == (FOLDER / "main.js").read_bytes()
    # Another version's page may not keep what it gets.
    assert plain.headers["Cache-Control"] == "no-cache"


def test_the_page_is_not_sent_to_those_who_have_it() -> None:
    client = client_with_a_key()
    again = client.get("/", headers={"If-None-Match": client.get("/").headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")


def test_nothing_but_the_page_is_served() -> None:
    client = client_with_a_key()
    asked = [client.get(f"/web/x/{name}").status_code for name in ("../app.py", "vendor/README.md", "nothing.js")]

    assert asked == [404, 404, 404]


def test_its_own_files_are_short_and_say_what_they_are_for() -> None:
    own = [path for path in FOLDER.rglob("*") if path.suffix in {".js", ".css"} and path.parent.name != "vendor"]
    texts = {path.relative_to(FOLDER).as_posix(): path.read_text() for path in own}

    assert [name for name, text in texts.items() if not text.startswith(("// ", "/* "))] == []
    assert [name for name, text in texts.items() if text.count("\n") > MAX_LINES] == []


def test_its_modules_import_only_what_is_there() -> None:
    missing = [
        (path.name, name)
        for path in FOLDER.rglob("*.js")
        if path.parent.name != "vendor"
        for name in re.findall(r"(?:from|import\()\s*\"([^\"]+)\"", path.read_text())
        if not (path.parent / name).resolve().is_relative_to(FOLDER) or not (path.parent / name).exists()
    ]

    assert missing == []
