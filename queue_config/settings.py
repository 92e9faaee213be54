"""Settings, read once from PENSIEVE_ variables; a wrong one stops the process at start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from queue_config.errors import BadSetting
from queue_config.redis_trust import is_private

PREFIX = "PENSIEVE_"
CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every knob; `PENSIEVE_` and the upper-case name set it from the environment."""

    # Where the service answers.
    host: str = "127.0.0.1"
    port: int = 7777
    api_key: str = ""
    """If set, requests must carry it as x-api-key or Bearer, or one of the keys that `pensieve keys` made."""
    allowed_hosts: str = ""
    """Other names by which the service may be called, behind a proxy for one; separated by commas."""
    allowed_origins: str = ""
    """Web pages that may call it, as `https://chat.example.com`; separated by commas. Others are refused."""
    api_processes: int = 1

    # What it serves.
    model: str = "smollm2-135m-instruct"
    """A catalogue name, a folder, or the path of a model.safetensors file."""
    models_dir: Path = CHECKOUT / "models"
    max_context: int = 0
    """Tokens of prompt and answer together; 0 takes the model's own limit."""

    # Where its state lies; two checkouts share nothing.
    home: Path = CHECKOUT / ".pensieve"
    redis_url: str = ""
    """redis://, rediss:// (TLS), unix://, redis+sentinel://host:port,host:port/service/db, or rediss+sentinel://.
    Empty: `pensieve start` runs a Redis of its own under `home`."""
    redis_plaintext: bool = False
    """Whether a Redis on another machine may be reached without TLS."""

    # The worker.
    engine: Literal["mlx", "fake"] = "mlx"
    device: Literal["auto", "cpu", "gpu"] = "auto"
    slot: str = "gpu0"
    """One worker process owns one slot; a second one for the same slot waits for its lock."""
    max_batch: int = 32
    """Sequences that decode together."""
    prefill_chunk: int = 0
    """Prompt tokens processed between two decode steps; 0 takes what suits the device."""
    kv_bytes: int = 0
    """What live sequences may take of the device's memory, each reckoned at its longest; more wait. 0 takes what the
    model's weights and the cache leave, with a reserve."""
    warm_up: Literal["auto", "off"] = "auto"
    """On a GPU, run the shapes that serving uses before the first request comes, which would wait for their kernels."""
    speculation: Literal["auto", "prompt", "off"] = "auto"
    """Let an answer that is computed alone come faster: several guessed tokens are checked in one pass. They come from
    what was said already, and with `auto` from a draft model too. The tokens stay the same, up to the rounding of the
    type that the device computes in."""
    draft_model: str = "auto"
    """A small model that guesses: a catalogue name, a folder, or the path of a model.safetensors. `auto` takes the one
    that the catalogue names for the model, if it has been pulled; `none` takes none."""
    cache_bytes: int | Literal["auto"] = "auto"
    """What may be held of earlier prompts and answers, so that the next one that begins alike is not computed again.
    `auto` is an eighth of the device's memory, on a CPU 4 GB at most; 0 switches it off."""
    cache_disk_bytes: int | Literal["auto"] = "auto"
    """What all models together may keep of it on disk, in `home`/prompt-cache/MODEL, for the time after a restart: keys
    and values, from which prompts could be read. `auto` is 4 GB, but nothing on CUDA; 0 keeps nothing there."""

    # Limits and lifetimes.
    max_waiting: int = 0
    """Requests that may wait in the queue before new ones get 529; 0 is four times `max_batch`."""
    max_waiting_tokens: int = 1_000_000
    """Tokens of prompts that may wait there; a larger prompt still gets in where nothing waits."""
    max_body_bytes: int = 32_000_000
    deadline_s: float = 600.0
    """From acceptance to the end of the answer, for requests that name no deadline of their own."""
    max_deadline_s: float = 3600.0
    """The longest that a request may ask for."""
    absence_s: float = 30.0
    """How long after a model's last worker has gone requests for it still wait for the next one; then they get 529."""
    result_ttl_s: int = 3600
    """How long an ended request can still be polled and replayed."""
    max_batch_requests: int = 10_000
    max_batch_body_bytes: int = 64_000_000
    """A batch is created by one request, which may be larger than others."""
    max_batch_held_bytes: int = 1_000_000_000
    """Of Redis's memory, by batches and their results; beyond it new batches get 529."""
    batch_window: int = 128
    """Requests of batches that are queued or running at a time; the others wait in their batch."""
    batch_expires_s: float = 86_400.0
    """After this a batch ends, and what of it has no answer is `expired`."""
    batch_result_ttl_s: int = 29 * 86_400
    """How long an ended batch and its results are kept."""
    webhook_secret: str = ""
    """What webhooks are signed with: `whsec_` and base64. Without it none are sent, nor accepted in requests."""
    webhook_allow_private: bool = False
    """Whether webhooks may go to loopback, private networks and plain http."""
    ping_interval_s: float = 10.0
    """How long a stream may be silent. More often would find no reader gone sooner: connections are looked at twice a
    second, pings or not."""
    drain_s: float = 30.0
    """How long a stopping worker finishes what runs before it hands the rest back."""
    hang_s: float = 15.0
    """After so long without a step though there is work, a worker is ended and started again; 0 leaves it alone."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"
    """How the API and the worker write their logs: an object a line for machines, or a line for people."""
    otel_endpoint: str = ""
    """Where OpenTelemetry traces go by OTLP over HTTP, as `http://localhost:4318`; empty sends none."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read PENSIEVE_ variables; raise BadSetting, naming the variable, for any that is wrong."""
        kinds = get_type_hints(cls)
        values: dict[str, Any] = {}
        for variable, text in environ.items():
            if not variable.startswith(PREFIX):
                continue
            name = variable.removeprefix(PREFIX).lower()
            if name not in kinds:
                known = ", ".join(PREFIX + f.name.upper() for f in fields(cls))
                raise BadSetting(f"{variable} is no setting of Pensieve's; there are: {known}")
            values[name] = _parse(variable, text, kinds[name])
        settings = cls(**values)
        if not settings.redis_plaintext and not is_private(settings.redis_url):
            raise BadSetting(
                "PENSIEVE_REDIS_URL leads to another machine without TLS, so that prompts and answers could be read on "
                "the way. Use rediss://, or say that the network is private: PENSIEVE_REDIS_PLAINTEXT=1."
            )
        return settings

    @property
    def waiting_limit(self) -> int:
        return self.max_waiting or 4 * self.max_batch

    @property
    def live_ttl_s(self) -> int:
        """How long the log of a request that is still on its way outlives its last event."""
        return self.result_ttl_s + int(max(self.deadline_s, self.max_deadline_s)) + 60

    def to_env(self) -> dict[str, str]:
        """The variables that make these settings again in a child process."""
        return {PREFIX + f.name.upper(): str(getattr(self, f.name)) for f in fields(self)}


def _absolute(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _flag(text: str) -> bool:
    flags = {"0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}
    if text.lower() not in flags:
        raise ValueError(text)
    return flags[text.lower()]


_PARSERS: dict[type, Callable[[str], Any]] = {str: str, int: int, float: float, bool: _flag, Path: _absolute}


def _parse(variable: str, text: str, kind: Any) -> Any:
    if get_origin(kind) in {Union, UnionType}:
        number, words = get_args(kind)
        return text if text in get_args(words) else _parse(variable, text, number)
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise BadSetting(f"{variable}={text!r} is not one of {', '.join(get_args(kind))}")
        return text
    try:
        value = _PARSERS[kind](text)
    except ValueError as error:
        raise BadSetting(f"{variable}={text!r} is no {kind.__name__}") from error
    if kind in {int, float} and value < 0:
        raise BadSetting(f"{variable}={text!r} is negative")
    return value
