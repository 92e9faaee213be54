"""BatchRecord: where a message batch stands."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_type_hints

BatchStatus = Literal["in_progress", "canceling", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """Times are Unix seconds, 0 where something has not happened."""

    id: str
    tenant: str
    version: str
    """The API version that its requests speak."""
    host_url: str
    """How its creator reached us, with a slash at the end."""
    total: int
    created_at: float
    expires_at: float
    status: BatchStatus = "in_progress"
    cancel_initiated_at: float = 0.0
    ended_at: float = 0.0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0
    held_bytes: int = 0
    """Of Redis's memory, by its waiting requests and its results."""

    def to_hash(self) -> dict[Any, Any]:
        """The fields of its Redis hash, whose key holds the id."""
        values = asdict(self)
        del values["id"]
        return values

    @classmethod
    def from_hash(cls, batch_id: str, found: dict[bytes, bytes]) -> Self:
        kinds = get_type_hints(cls)
        texts = {name.decode(): text.decode() for name, text in found.items()}
        return cls(id=batch_id, **{name: _read(text, kinds[name]) for name, text in texts.items()})


def _read(text: str, kind: Any) -> Any:
    return kind(text) if kind in {int, float} else text
