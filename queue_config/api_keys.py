"""API keys: who may call, what for and how much; kept as hashes in one file of the home folder."""

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import orjson

from queue_config.errors import BadSetting

Scope = Literal["messages", "batches", "admin", "metrics"]
SCOPES: tuple[Scope, ...] = ("messages", "batches", "admin", "metrics")
PREFIX = "sk-pensieve-"
"""So that a key is known for one wherever it turns up."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one key may ask for; 0 is no limit."""

    requests_per_minute: int = 0
    input_tokens_per_minute: int = 0
    output_tokens_per_minute: int = 0
    streams: int = 64
    """Answers waited for at a time, in each API process."""

    @property
    def are_rates(self) -> bool:
        return any((self.requests_per_minute, self.input_tokens_per_minute, self.output_tokens_per_minute))


UNLIMITED = Limits(streams=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key without the key: it can be recognised, not read."""

    name: str
    digest: str
    """SHA-256 in hex. Keys are 256 random bits, so a slow hash would protect nothing more."""
    scopes: tuple[Scope, ...]
    created_at: float
    """Unix seconds."""
    limits: Limits

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Raises ValueError, TypeError or KeyError for what is no key's record."""
        limits = Limits(**data["limits"])
        made = cls(**data | {"scopes": tuple(data["scopes"]), "limits": limits})
        given = (type(data["name"]), type(data["created_at"]))
        are_typed = given in {(str, int), (str, float)}
        is_bounded = all(type(limit) is int and limit >= 0 for limit in asdict(limits).values())
        if not (are_typed and is_bounded and _DIGEST.fullmatch(made.digest) and set(made.scopes) <= set(SCOPES)):
            raise ValueError("a field is of another kind")
        return made


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()


class KeyFile:
    """The keys of one home. Once the file is there calls need a key, even where all of them have been revoked.

    Readers see a change with their next look; nothing is shared but the file, so a key that is revoked is refused by
    every process at once, with Redis or without.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "keys.json"
        self._seen: tuple[int, int, int] | None = None
        self._keys: list[ApiKey] = []

    @property
    def exists(self) -> bool:
        return self._path.exists()

    def find(self, key: str) -> ApiKey | None:
        """The record of a key that a caller showed. Raises OSError or ValueError where the file can't be read."""
        shown = digest_of(key)
        return next((known for known in self._load() if hmac.compare_digest(known.digest, shown)), None)

    def all(self) -> list[ApiKey]:
        """By creation. Raises as `find` does."""
        return self._load()

    def create(self, name: str, scopes: tuple[Scope, ...], limits: Limits) -> str:
        """Make a key and return it: it is stored nowhere. Raises BadSetting for a name that is none, or taken."""
        if not _NAME.fullmatch(name):
            raise BadSetting(f"{name!r} is no name of a key: it takes 1 to 64 letters, digits, _ and -.")
        key = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        made = ApiKey(name=name, digest=digest_of(key), scopes=scopes, created_at=time.time(), limits=limits)

        def add(keys: list[ApiKey]) -> list[ApiKey]:
            if any(known.name == name for known in keys):
                raise BadSetting(f"There is a key named {name} already; revoke it first, or choose another name.")
            return [*keys, made]

        self._change(add)
        return key

    def revoke(self, name: str) -> None:
        """Refuse the key from now on. Raises BadSetting where there is none of that name."""

        def remove(keys: list[ApiKey]) -> list[ApiKey]:
            left = [known for known in keys if known.name != name]
            if len(left) == len(keys):
                raise BadSetting(f"There is no key named {name}; `pensieve keys list` shows those that there are.")
            return left

        self._change(remove)

    def _load(self) -> list[ApiKey]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return []
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen != self._seen:
            try:
                self._keys = [ApiKey.from_json(data) for data in orjson.loads(self._path.read_bytes())["keys"]]
            except (ValueError, TypeError, KeyError) as error:
                # Whoever has a key is refused too, rather than that anybody gets in.
                raise ValueError(
                    f"{self._path} is broken ({error!r}); restore it, or delete it and make keys"
                ) from error
            self._seen = seen
        return self._keys

    def _change(self, change: Callable[[list[ApiKey]], list[ApiKey]]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            keys = change(self.all())
            content = orjson.dumps({"keys": [asdict(key) for key in keys]}, option=orjson.OPT_INDENT_2)
            # Made aside, readable for its owner alone, and moved: nobody ever reads half of it.
            descriptor, made = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            Path(made).replace(self._path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
