"""ModelFolder: the JSON files beside a model's weights, read safely and asked by meaning."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from models.errors import ModelRefused

LARGEST_JSON_BYTES = 256_000_000
"""Several times the largest tokenizer.json."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    path: Path

    def json(self, name: str) -> dict[str, Any]:
        """An optional file's content, {} if it isn't there; ModelRefused if it is no JSON object."""
        file = self.path / name
        if not file.is_file():
            return {}
        if file.stat().st_size > LARGEST_JSON_BYTES:
            raise ModelRefused(f"{file} is larger than {LARGEST_JSON_BYTES:,} bytes, and so no such file")
        try:
            content = orjson.loads(file.read_bytes())
        except orjson.JSONDecodeError as error:
            raise ModelRefused(f"{file} is broken ({error}); pull the model again") from error
        if not isinstance(content, dict):
            raise ModelRefused(f"{file} is broken (it holds no object); pull the model again")
        return content

    def config(self) -> dict[str, Any]:
        config = self.json("config.json")
        if not config:
            raise ModelRefused(f"{self.path} is no model folder: it has no config.json")
        return config

    def chat_template(self) -> str | None:
        """Newer repositories keep it in a file of its own; a few older ones keep several under names."""
        file = self.path / "chat_template.jinja"
        if file.is_file():
            try:
                return file.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise ModelRefused(f"{file} is broken ({error}); pull the model again") from error
        template = self.json("tokenizer_config.json").get("chat_template")
        if template is None:
            template = self.json("chat_template.json").get("chat_template")
        if isinstance(template, list):
            named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
            template = named.get("default")
        return template if isinstance(template, str) else None

    def special_tokens(self) -> dict[str, str]:
        """`bos_token`, `eos_token` and the like, as texts; those that aren't set are left out."""
        config = self.json("tokenizer_config.json")
        tokens = {}
        for name in ("bos_token", "eos_token", "unk_token", "pad_token"):
            token = config.get(name)
            text = token.get("content") if isinstance(token, dict) else token
            if isinstance(text, str):
                tokens[name] = text
        return tokens

    def eos_ids(self) -> frozenset[int]:
        """Every id that config.json and generation_config.json call the end; each may hold one or a list."""
        ids: set[int] = set()
        for name in ("config.json", "generation_config.json"):
            found = self.json(name).get("eos_token_id")
            ids.update(token for token in (found if isinstance(found, list) else [found]) if isinstance(token, int))
        return frozenset(ids)
