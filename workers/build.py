"""build: a worker process from its settings, model included."""

from models.resolve import ModelSpec, resolve
from models.tokenizer import Tokenizer
from queue_config.request import GenerationRequest
from queue_config.settings import Settings
from workers.assembly import assemble
from workers.engine import Engine
from workers.fake_engine import FakeEngine
from workers.output import OutputText
from workers.process import WorkerProcess

FAKE_STEP_S = 0.01


def make_engine(settings: Settings, spec: ModelSpec, tokenizer: Tokenizer) -> Engine:
    """Load the model onto the device. The calling thread owns the engine from here on."""
    if settings.engine == "fake":
        return FakeEngine(min(tokenizer.eos_ids), FAKE_STEP_S)
    from workers.mlx_engine.engine import MlxEngine

    return MlxEngine(spec.dir, device=settings.device, cache_bytes=settings.cache_bytes, kv_bytes=settings.kv_bytes)


def _warm_up(settings: Settings, engine: Engine) -> None:
    if settings.engine == "mlx" and settings.warm_up == "auto":
        from workers.mlx_engine.warm_up import warm_up

        warm_up(engine, settings.max_batch)


def build(settings: Settings) -> WorkerProcess:
    """Load the model and wire everything that a worker process is made of; nothing is started."""
    spec = resolve(settings.model, settings.models_dir)
    tokenizer = Tokenizer.load(spec.dir)

    def new_output(request: GenerationRequest) -> OutputText:
        # The prompt, for an answer that goes on in the middle of a word.
        return OutputText(tokenizer.decoder(request.prompt), tokenizer.eos_ids, request.sampling)

    engine = make_engine(settings, spec, tokenizer)
    # Before there is a lease: nobody is told that this worker is ready while it warms up.
    _warm_up(settings, engine)
    return assemble(settings, spec.name, engine, new_output)
