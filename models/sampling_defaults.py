"""SamplingDefaults: how a model's makers want its tokens chosen, for requests that don't say."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from models.catalog import find
from models.folder import ModelFolder

_RANGES = {"temperature": (0.0, 2.0), "top_p": (0.0, 1.0), "top_k": (0, 1_000_000), "min_p": (0.0, 1.0)}
OPEN_TO_MODEL = frozenset(_RANGES)
"""What a request may leave to the model. Repetition penalties are left out: they garble code and quotations."""


@dataclass(frozen=True, slots=True)
class SamplingDefaults:
    values: tuple[tuple[str, float], ...] = ()
    """Names as in SamplingParams; what isn't there is as the API has it."""

    @classmethod
    def of(cls, folder: ModelFolder, name: str) -> "SamplingDefaults":
        """From generation_config.json, or else the catalogue's; numbers out of range count as missing.

        Raises ModelRefused for a broken file.
        """
        told = folder.json("generation_config.json")
        entry = find(name)
        known = dict(entry.sampling) if entry is not None else {}
        found = ((field, _number(field, told, known)) for field in _RANGES)
        return cls(tuple((field, value) for field, value in found if value is not None))

    def among(self, names: Collection[str]) -> dict[str, Any]:
        return {name: value for name, value in self.values if name in names}


AS_THE_API_HAS_IT = SamplingDefaults()


def _number(name: str, *tables: dict[str, Any]) -> float | None:
    low, high = _RANGES[name]
    for table in tables:
        value = table.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return int(value) if name == "top_k" else float(value)
    return None
