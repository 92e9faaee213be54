"""Services: everything that a view may touch, built once per process."""

from dataclasses import dataclass
from typing import Self

from flask import current_app

from api.body_room import BodyRoom
from api.live_feed import LiveFeed
from api.live_reading import read_picture
from api.off_loop import Lanes
from api.open_answers import OpenAnswers
from api.seal_key import seal_key
from api.served_models import Served, ServedModels
from api.spare_memory import give_back
from api.stream_hub import StreamHub
from api.tokenizing import Prompts
from api.wire.seal import UNSIGNED, Seal
from models.families import family_for
from models.fingerprint import prompt_fingerprint
from models.folder import ModelFolder
from models.resolve import ModelSpec, resolve
from models.sampling_defaults import SamplingDefaults
from models.tokenizer import Tokenizer
from queue_config.admission import Admission
from queue_config.batch_feed import BatchFeed
from queue_config.batch_store import BatchStore
from queue_config.connection import REQUESTS, STREAMS, Redis, connect
from queue_config.control import Control
from queue_config.counts import Counts
from queue_config.event_log import EventLog
from queue_config.fleet import Fleet
from queue_config.job_queue import JobQueue
from queue_config.lease import Leases
from queue_config.listing import Listing
from queue_config.settings import Settings
from queue_config.webhook_store import WebhookStore

HELD_BODY_BYTES = 128_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    settings: Settings
    model: ModelSpec
    """The default one."""
    models: ServedModels
    redis: Redis
    streams: Redis
    """The same server, for open streams: however many read their logs at once, requests don't wait for them."""
    queue: JobQueue
    admission: Admission
    open_answers: OpenAnswers
    bodies: BodyRoom
    reading: Lanes
    """For bodies."""
    log: EventLog
    listing: Listing
    batches: BatchStore
    feed: BatchFeed
    webhooks: WebhookStore
    control: Control
    counts: Counts
    leases: Leases
    hub: StreamHub
    live: LiveFeed
    seal: Seal
    """Signs the thinking of answers, and knows it again."""

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """Find the model's folder and read its tokenizer; Redis is reached with the first request."""
        model = resolve(settings.model, settings.models_dir)
        return cls.over(settings, model, served_from(model, settings), Seal(seal_key(settings.home)))

    @classmethod
    def over(cls, settings: Settings, model: ModelSpec, served: Served, seal: Seal = UNSIGNED) -> Self:
        redis, streams = connect(settings.redis_url, REQUESTS), connect(settings.redis_url, STREAMS)
        kept = {"result_ttl_s": settings.result_ttl_s, "live_ttl_s": settings.live_ttl_s}
        log = EventLog(redis, **kept)
        queue = JobQueue(redis, model.name, max_waiting=settings.waiting_limit, result_ttl_s=settings.result_ttl_s)
        kept_s = settings.batch_result_ttl_s
        return cls(
            settings=settings,
            model=model,
            models=ServedModels(
                served,
                Fleet(redis),
                lambda name: served_from(resolve(name, settings.models_dir), settings),
                absence_s=settings.absence_s,
            ),
            redis=redis,
            streams=streams,
            queue=queue,
            admission=Admission(
                redis, max_waiting=settings.waiting_limit, max_waiting_tokens=settings.max_waiting_tokens
            ),
            open_answers=OpenAnswers(),
            reading=Lanes(),
            bodies=BodyRoom(max(HELD_BODY_BYTES, 2 * settings.max_batch_body_bytes, 4 * settings.max_body_bytes)),
            log=log,
            listing=Listing(redis),
            batches=BatchStore(redis, result_ttl_s=kept_s, max_bytes=settings.max_batch_held_bytes),
            feed=BatchFeed(redis, queue, result_ttl_s=kept_s),
            webhooks=WebhookStore(redis),
            control=Control(redis),
            counts=Counts(redis),
            leases=Leases(redis),
            hub=StreamHub(EventLog(streams, **kept), settings.redis_url),
            live=LiveFeed(lambda: read_picture(redis, queue, model.name)),
            seal=seal,
        )

    def close(self) -> None:
        self.hub.close()
        self.live.close()
        self.redis.close()
        self.streams.close()


def served_from(model: ModelSpec, settings: Settings) -> Served:
    """Read what makes a model's prompts. Raises ModelRefused."""
    tokenizer = Tokenizer.load(model.dir)
    prompts = Prompts(family_for(model.dir), tokenizer, model.context_within(settings.max_context), tokenizer.eos_ids)
    give_back()
    sampling = SamplingDefaults.of(ModelFolder(model.dir), model.name)
    return Served(model.name, prompts, prompt_fingerprint(model.dir), sampling)


def current_services() -> Services:
    """The services of the application that serves this request."""
    services: Services = current_app.extensions["services"]
    return services
