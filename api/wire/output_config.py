"""The request's `output_config` (older: `output_format`): the answer's schema, and how much effort it gets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.wire import fields


@dataclass(frozen=True, slots=True)
class OutputConfig:
    schema: Mapping[str, Any] | None = None
    effort: str | None = None

    @property
    def instruction(self) -> str:
        """What the model is told, for a small one does better on a form that it has seen."""
        if self.schema is None:
            return ""
        return f"Answer with JSON only, fitting this JSON Schema:\n{json.dumps(self.schema, ensure_ascii=False)}"


def read_output_config(body: dict[str, Any]) -> OutputConfig:
    """Fields of it that we don't know are ignored: clients add them with every release."""
    config = body.get("output_config")
    if config is None:
        return OutputConfig(_schema(body.get("output_format"), "output_format"))
    given = fields.mapping(config, "output_config")
    effort = given.get("effort")
    schema = _schema(given.get("format"), "output_config.format")
    if schema is None:
        schema = _schema(body.get("output_format"), "output_format")
    return OutputConfig(schema, effort if isinstance(effort, str) else None)


def _schema(value: Any, path: str) -> dict[str, Any] | None:
    if value is None:
        return None
    given = fields.mapping(value, path)
    fields.one_of(given, "type", ("json_schema",), f"{path}.")
    return fields.schema(fields.present(given, "schema", f"{path}."), f"{path}.schema")
