from pathlib import Path

import pytest

from queue_config.errors import BadSetting
from queue_config.settings import Settings


def test_values_are_read_with_their_types() -> None:
    environ = {"PENSIEVE_PORT": "9", "PENSIEVE_DEADLINE_S": "1.5", "PENSIEVE_HOME": "/x", "HOME": "/y"}

    settings = Settings.from_env(environ)

    assert (settings.port, settings.deadline_s, settings.home) == (9, 1.5, Path("/x"))


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("PENSIEVE_PROT", "9", "PENSIEVE_PROT is no setting"),
        ("PENSIEVE_PORT", "nine", "PENSIEVE_PORT='nine' is no int"),
        ("PENSIEVE_PORT", "-1", "PENSIEVE_PORT='-1' is negative"),
        ("PENSIEVE_CACHE_BYTES", "much", "PENSIEVE_CACHE_BYTES='much' is no int"),
        ("PENSIEVE_CACHE_BYTES", "-1", "PENSIEVE_CACHE_BYTES='-1' is negative"),
        ("PENSIEVE_WEBHOOK_ALLOW_PRIVATE", "maybe", "PENSIEVE_WEBHOOK_ALLOW_PRIVATE='maybe' is no bool"),
        ("PENSIEVE_DEVICE", "tpu", "PENSIEVE_DEVICE='tpu' is not one of auto, cpu, gpu"),
    ],
)
def test_a_wrong_one_is_refused_by_name(variable: str, value: str, complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint):
        Settings.from_env({variable: value})


@pytest.mark.parametrize(("text", "expected"), [("auto", "auto"), ("0", 0), ("1000000", 1_000_000)])
def test_the_caches_size_is_a_number_or_left_to_us(text: str, expected: int | str) -> None:
    assert Settings.from_env({"PENSIEVE_CACHE_BYTES": text}).cache_bytes == expected


def test_settings_survive_the_way_to_a_child_process() -> None:
    settings = Settings(port=1, model="x", home=Path("/h"), deadline_s=2.5)

    assert Settings.from_env(settings.to_env()) == settings


@pytest.mark.parametrize(
    ("text", "expected"), [("1", True), ("yes", True), ("True", True), ("0", False), ("no", False)]
)
def test_a_switch_is_on_or_off(text: str, expected: bool) -> None:
    assert Settings.from_env({"PENSIEVE_WEBHOOK_ALLOW_PRIVATE": text}).webhook_allow_private is expected
