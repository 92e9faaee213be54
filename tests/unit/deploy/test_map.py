"""The map of the code."""

from deploy.map import purposes
from queue_config.settings import CHECKOUT


def test_every_file_is_on_the_map_with_its_purpose() -> None:
    found = dict(purposes(CHECKOUT))

    assert found["deploy/map.py"] == "The map of the code: every file with the first line of its docstring."
    assert [path for path, purpose in found.items() if not purpose and not path.startswith("tests/")] == []
