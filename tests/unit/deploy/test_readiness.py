"""What a start waits for, and when it gives up."""

from deploy.health import Answer, Health
from deploy.readiness import FailureCount, waiting_for
from deploy.supervisor_client import Process


def look(**states: str) -> list[Process]:
    return [Process(name, state, 0, 0) for name, state in states.items()]


def test_one_early_end_is_forgiven_and_the_second_blamed() -> None:
    failures = FailureCount()
    looks = [look(worker="BACKOFF"), look(worker="BACKOFF"), look(worker="STARTING"), look(worker="BACKOFF")]

    assert [failures.culprit(processes) for processes in looks] == [None, None, None, "worker"]


def test_of_several_the_one_that_the_others_need_is_blamed() -> None:
    failures = FailureCount()
    for processes in (look(api="BACKOFF", redis="BACKOFF"), look(api="STARTING", redis="STARTING")):
        failures.culprit(processes)

    assert failures.culprit(look(api="BACKOFF", redis="BACKOFF")) == "redis"


def test_it_says_what_it_waits_for() -> None:
    up = look(api="RUNNING", worker="STARTING")

    assert waiting_for(Answer(Health.SILENT), up) == "the API is starting"
    assert waiting_for(Answer(Health.NOT_READY), up) == "the worker is loading the model"
    assert waiting_for(Answer(Health.NOT_READY, "no lease"), up) == "the worker is loading the model (no lease)"
    assert waiting_for(Answer(Health.SILENT), look(api="BACKOFF")) == "api stopped and is started again"
