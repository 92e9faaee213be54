"""ServedModels: the models that this API answers for, wherever their workers are, and how their prompts are made."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from api.off_loop import off_loop
from api.tokenizing import Prompts
from models.errors import ModelError
from models.sampling_defaults import AS_THE_API_HAS_IT, SamplingDefaults
from queue_config.connection import RedisError
from queue_config.errors import NotFound, NoWorker
from queue_config.fleet import LOOK_AGAIN_S, LOOK_S, Fleet

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """One model, as far as its prompts are concerned."""

    name: str
    prompts: Prompts
    fingerprint: str = ""
    """As in Prompting."""
    sampling: SamplingDefaults = AS_THE_API_HAS_IT


@dataclass(frozen=True, slots=True)
class Listed:
    name: str
    context_tokens: int
    thinks: bool


class ServedModels:
    """The default model stands in for every `claude` name. Others are those that workers announce, now or within the
    last day; what is needed of them here is read from their folders when somebody first asks for them."""

    def __init__(self, default: Served, fleet: Fleet, load: Callable[[str], Served], *, absence_s: float) -> None:
        """`load` raises ModelError. `absence_s` is how long requests still wait for a model's last worker's return."""
        self.default = default
        self._fleet = fleet
        self._load = load
        self._absence_s = absence_s
        self._here = {default.name: default}
        self._lock = threading.Lock()
        self._told: str = ""

    def named(self, name: str) -> Served:
        """The model that serves requests for `name`.

        Raises NotFound where there is none of this name, NoWorker where its prompts can't be made on this machine, and
        RedisError where only Redis knows.
        """
        is_default = name == self.default.name or name.startswith("claude")
        name = self.default.name if is_default else name
        view = self._fleet.known if is_default else self._fleet.look()
        if not is_default and name not in view.silent_s:
            raise NotFound(f"model: {name}")
        served = self._here.get(name) or self._loaded(name)
        tokens = view.context_tokens(name)
        if 0 < tokens < served.prompts.context_tokens:
            return replace(served, prompts=served.prompts.within(tokens))
        return served

    def require_worker(self, served: Served) -> None:
        """Raises NoWorker where nobody can be expected to take a request for it, and RedisError."""
        for most_s in (LOOK_S, LOOK_AGAIN_S):
            view = self._fleet.look(most_s)
            if view.takers(served.name, served.fingerprint):
                return
            if view.is_left(served.name) and not self.is_away(served.name):
                return
        raise self._no_worker(view.why_none(served.name))

    def is_away(self, name: str) -> bool:
        """Whether the model's last worker has gone, and not just now. Raises RedisError."""
        view = self._fleet.look()
        return view.is_left(name) and view.silent_s.get(name, float("inf")) >= self._absence_s

    def listed(self) -> list[Listed]:
        """The default, then what live workers serve besides, by name."""
        try:
            view = self._fleet.look()
        except RedisError:
            view = self._fleet.known
        names = sorted({worker.model for worker in view.workers} - {self.default.name})
        return [self._listed(name, view.context_tokens(name)) for name in (self.default.name, *names)]

    def _listed(self, name: str, announced_tokens: int) -> Listed:
        try:
            served = self.named(name)
        except (NoWorker, RedisError):
            return Listed(name, announced_tokens, thinks=False)
        return Listed(name, served.prompts.context_tokens, served.prompts.thinks)

    def _loaded(self, name: str) -> Served:
        with self._lock:
            if name not in self._here:
                try:
                    self._here[name] = off_loop(lambda: self._load(name))
                except ModelError as error:
                    raise self._no_worker(f"This API's machine can't make prompts for {name}: {error}") from error
            return self._here[name]

    def _no_worker(self, why: str) -> NoWorker:
        if why != self._told:
            self._told = why
            _logger.warning("%s", why)
        return NoWorker(why)
