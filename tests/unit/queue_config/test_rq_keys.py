"""RQ's keys as we spell them are RQ's."""

from redis import Redis
from rq import Queue
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry
from rq.results import Result
from rq.worker import Worker
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from queue_config import rq_keys


def test_rqs_keys_are_spelled_as_rq_does() -> None:
    redis = Redis()
    execution = Execution("e", "j", redis, "w")

    assert rq_keys.queue("q") == Queue("q", connection=redis).key
    assert rq_keys.queue_name(rq_keys.queue("q")) == "q"
    assert Queue.redis_queues_keys == rq_keys.QUEUES
    assert rq_keys.job("j") == Job.key_for("j")
    assert rq_keys.results("j") == Result.get_key("j")  # type: ignore[no-untyped-call]
    assert rq_keys.started("q") == StartedJobRegistry("q", redis).key
    assert rq_keys.finished("q") == FinishedJobRegistry("q", redis).key
    assert rq_keys.failed("q") == FailedJobRegistry("q", redis).key
    assert rq_keys.execution("j", "e") == execution.key
    assert rq_keys.executions("j") == ExecutionRegistry("j", redis).key
    assert rq_keys.worker("w") == Worker.redis_worker_namespace_prefix + "w"
    assert rq_keys.worker_executions("w") == execution.worker_executions_key
    assert rq_keys.WORKERS == REDIS_WORKER_KEYS
    assert rq_keys.workers_of("q") == WORKERS_BY_QUEUE_KEY % "q"
