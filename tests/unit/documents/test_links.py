"""Links between the documents, and into the code: each leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.support.documents import documents, name_of

LINK = re.compile(r"\]\(([^()\s]+)\)")
SHOWN_AS_IT_IS = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    found: list[str] = []
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", "")).strip().lower()
        found.append(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return {
        slug if found[:at].count(slug) == 0 else f"{slug}-{found[:at].count(slug)}" for at, slug in enumerate(found)
    }


def dead(path: Path) -> list[str]:
    """Links to files that are not there, and to headings that those lack."""
    missing = []
    for link in LINK.findall(SHOWN_AS_IT_IS.sub("", path.read_text())):
        if re.match(r"\w+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            missing.append(link)
    return missing


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_every_link_leads_somewhere(path: Path) -> None:
    assert dead(path) == []
