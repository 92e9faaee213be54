"""Services: everything that a view may touch, built once per process."""

from dataclasses import dataclass
from typing import Self

from flask import current_app

from api.seal_key import seal_key
from api.stream_hub import StreamHub
from api.tokenizing import Prompts
from api.wire.seal import UNSIGNED, Seal
from models.families import family_for
from models.resolve import ModelSpec, resolve
from models.tokenizer import Tokenizer
from queue_config.batch_feed import BatchFeed
from queue_config.batch_store import BatchStore
from queue_config.connection import Redis, connect
from queue_config.control import Control
from queue_config.event_log import EventLog
from queue_config.job_queue import JobQueue
from queue_config.lease import Leases
from queue_config.listing import Listing
from queue_config.settings import Settings
from queue_config.webhook_store import WebhookStore

REDIS_PATIENCE_S = 1.0
"""Refusing takes less than 1.5 s even where Redis is frozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    settings: Settings
    model: ModelSpec
    prompts: Prompts
    redis: Redis
    queue: JobQueue
    log: EventLog
    listing: Listing
    batches: BatchStore
    feed: BatchFeed
    webhooks: WebhookStore
    control: Control
    leases: Leases
    hub: StreamHub
    seal: Seal
    """Signs the thinking of answers, and knows it again."""

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """Find the model's folder and read its tokenizer; Redis is reached with the first request."""
        model = resolve(settings.model, settings.models_dir)
        context = min(settings.max_context or model.context_tokens, model.context_tokens)
        tokenizer = Tokenizer.load(model.dir)
        prompts = Prompts(family_for(model.dir), tokenizer, context, tokenizer.eos_ids)
        return cls.over(settings, model, prompts, Seal(seal_key(settings.home)))

    @classmethod
    def over(cls, settings: Settings, model: ModelSpec, prompts: Prompts, seal: Seal = UNSIGNED) -> Self:
        redis = connect(settings.redis_url, reply_timeout_s=REDIS_PATIENCE_S)
        log = EventLog(redis, result_ttl_s=settings.result_ttl_s, live_ttl_s=settings.live_ttl_s)
        queue = JobQueue(redis, model.name, max_waiting=settings.max_waiting, result_ttl_s=settings.result_ttl_s)
        kept_s = settings.batch_result_ttl_s
        return cls(
            settings=settings,
            model=model,
            prompts=prompts,
            redis=redis,
            queue=queue,
            log=log,
            listing=Listing(redis),
            batches=BatchStore(redis, result_ttl_s=kept_s, max_bytes=settings.max_batch_held_bytes),
            feed=BatchFeed(redis, queue, result_ttl_s=kept_s),
            webhooks=WebhookStore(redis),
            control=Control(redis),
            leases=Leases(redis),
            hub=StreamHub(log, settings.redis_url),
            seal=seal,
        )

    def close(self) -> None:
        self.hub.close()
        self.redis.close()


def current_services() -> Services:
    """The services of the application that serves this request."""
    services: Services = current_app.extensions["services"]
    return services
