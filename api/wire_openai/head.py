"""What every object of one answer states, known before its first token."""

from dataclasses import dataclass
from typing import Any

from queue_config.job_queue import JobRecord


@dataclass(frozen=True, slots=True)
class CompletionHead:
    job_id: str
    model: str
    created: int
    """Unix seconds."""
    prompt_tokens: int

    def object(self, kind: str, completion_id: str) -> dict[str, Any]:
        """The fields that come first in an object of this kind."""
        return {
            "id": completion_id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": None,
        }


def head_of(job: JobRecord) -> CompletionHead:
    return CompletionHead(job.id, job.model, int(job.created_at), job.input_tokens)
