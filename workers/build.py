"""build: a worker process from its settings, model included."""

import logging
from pathlib import Path

from models.drafts import draft_for, suggested_draft
from models.errors import ModelError
from models.families import family_for
from models.fingerprint import prompt_fingerprint
from models.resolve import ModelSpec, resolve
from models.syntax import AnswerSyntax
from models.tokenizer import Tokenizer
from queue_config.lease import Prompting
from queue_config.settings import Settings
from workers.answers import Answers, Parser
from workers.assembly import assemble
from workers.constraint_factory import ConstraintFactory
from workers.engine import Engine
from workers.fake_engine import FakeEngine
from workers.process import WorkerProcess

log = logging.getLogger(__name__)

FAKE_STEP_S = 0.01


def make_engine(settings: Settings, spec: ModelSpec, tokenizer: Tokenizer) -> Engine:
    """Load the model onto the device. The calling thread owns the engine from here on."""
    if settings.engine == "fake":
        return FakeEngine(min(tokenizer.eos_ids), FAKE_STEP_S)
    from workers.mlx_engine.draft_model import DraftSource
    from workers.mlx_engine.engine import MlxEngine
    from workers.mlx_engine.prompt_cache_spill import DiskSpace

    draft = draft_dir(settings, spec)
    return MlxEngine(
        spec.dir,
        device=settings.device,
        cache_bytes=settings.cache_bytes,
        kv_bytes=settings.kv_bytes,
        cache_disk=DiskSpace(settings.home / "prompt-cache", settings.cache_disk_bytes),
        speculate=DraftSource(draft) if draft is not None else settings.speculation != "off",
    )


def draft_dir(settings: Settings, spec: ModelSpec) -> Path | None:
    """Where the draft model lies; None without one, and where the one wanted can't be had, which the log then says."""
    if settings.speculation != "auto" or settings.draft_model == "none":
        return None
    is_asked_for = settings.draft_model != "auto"
    name = settings.draft_model if is_asked_for else suggested_draft(spec.name)
    if name is None:
        return None
    try:
        return draft_for(spec, name, settings.models_dir).dir
    except ModelError as error:
        log.log(logging.ERROR if is_asked_for else logging.INFO, "answers come without a draft model: %s", error)
        return None


def _warm_up(settings: Settings, engine: Engine, context: int) -> None:
    if settings.engine != "mlx" or settings.warm_up != "auto":
        return
    from workers.mlx_engine.engine import MlxEngine
    from workers.mlx_engine.warm_up import warm_up

    if isinstance(engine, MlxEngine):
        warm_up(engine, settings.max_batch, context)


def _parser(settings: Settings, syntax: AnswerSyntax) -> Parser | None:
    if settings.engine != "mlx" or syntax.calls.body != "other":
        return None
    from workers.mlx_engine.tool_parsers import parser_called

    return parser_called(syntax.calls.parser)


def build(settings: Settings) -> WorkerProcess:
    """Load the model and wire everything that a worker process is made of; nothing is started."""
    spec = resolve(settings.model, settings.models_dir)
    tokenizer = Tokenizer.load(spec.dir)
    syntax = family_for(spec.dir).syntax
    answers = Answers(tokenizer, syntax, _parser(settings, syntax))
    constraints = ConstraintFactory.load(spec.dir, tokenizer, syntax.think)
    engine = make_engine(settings, spec, tokenizer)
    context = spec.context_within(settings.max_context)
    # Before there is a lease: nobody is told that this worker is ready while it warms up.
    _warm_up(settings, engine, context)
    prompting = Prompting(
        context_tokens=context,
        fingerprint=prompt_fingerprint(spec.dir),
    )
    return assemble(settings, spec.name, engine, answers.output_for, constraints.constraint_for, prompting)
