"""The dashboard and the alert rules ask for what is served, after a worker has answered something."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import redis as redis_py
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from queue_config.request import LANES
from tests.support import api_fakes
from tests.support.redis_server import RedisServer
from tests.support.worker import Desk, RunningWorker, a_request, wait_until

GRAFANA = Path(__file__).parents[2] / "deploy/grafana"
ALERTS = GRAFANA / "alerts.yaml"


@dataclass(frozen=True)
class Selector:
    name: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, value."""

    def finds(self, sample: Sample) -> bool:
        return sample.name == self.name and all(self._agrees(sample, *matcher) for matcher in self.matchers)

    @staticmethod
    def _agrees(sample: Sample, label: str, operator: str, value: str) -> bool:
        if label not in sample.labels:
            return False
        return (
            (sample.labels[label] == value)
            if operator == "="
            else re.fullmatch(value, sample.labels[label]) is not None
        )


def selectors(expression: str) -> list[Selector]:
    """What it asks for; raises ValueError where it is no PromQL."""
    found: list[Selector] = []
    operators = {"MatchOp.Equal": "=", "MatchOp.Re": "=~"}

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            matchers = ((m.name, operators[str(m.op)], m.value) for m in node.matchers.matchers)
            found.append(Selector(node.name or "", tuple(matchers)))
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def dashboard_queries() -> list[str]:
    dashboard = json.loads((GRAFANA / "dashboard.json").read_text())
    filled_in = {"$__rate_interval": "1m", "$worker": ".*"}
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    for name, value in filled_in.items():
        queries = [query.replace(name, value) for query in queries]
    return queries


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return list(group["rules"])


@pytest.fixture(scope="module")
def served(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Sample]]:
    """All that /metrics tells after one answer in each lane."""
    with redis_py.Redis.from_url(redis_server.url) as redis:
        redis.flushall()
    redis_url = redis_server.service_url
    desk = Desk(redis_url)
    with RunningWorker(redis_url, tmp_path_factory.mktemp("home")), api_fakes.client(redis_url) as client:
        for lane in LANES:
            desk.queue.accept(a_request(f"msg_{lane}", "hello", lane=lane))
        for lane in LANES:
            desk.end(f"msg_{lane}")
        client.get("/health")
        wait_until(lambda: "pensieve_process_starts_total{" in client.get("/metrics").text, "the worker's first report")
        text = client.get("/metrics").text
        yield [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    desk.redis.close()


@pytest.mark.parametrize("query", dashboard_queries())
def test_every_query_of_the_dashboard_finds_something(query: str, served: list[Sample]) -> None:
    missing = [selector for selector in selectors(query) if not any(map(selector.finds, served))]

    assert missing == []


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_asks_for_what_is_served_and_says_what_to_do(rule: dict[str, Any], served: list[Sample]) -> None:
    missing = [selector for selector in selectors(rule["expr"]) if not any(map(selector.finds, served))]

    assert missing == []
    assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert set(rule["annotations"]) == {"summary", "description"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_every_metric_of_a_worker_is_on_the_dashboard_or_in_an_alert(served: list[Sample]) -> None:
    asked = {s.name for query in (*dashboard_queries(), *(rule["expr"] for rule in rules())) for s in selectors(query)}
    names = {sample.name for sample in served if not sample.name.endswith(("_created", "_sum", "_count"))}

    assert names - asked == set()


def test_the_manual_names_every_metric_and_no_other(served: list[Sample]) -> None:
    named = set(re.findall(r"`(pensieve_\w+)`", (GRAFANA.parents[1] / "docs/OPERATIONS.md").read_text()))
    names = {re.sub(r"_(bucket|sum|count)$", "", sample.name) for sample in served}

    assert named == names


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus's own checker is not here")
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    subprocess.run(["promtool", "check", "rules", str(ALERTS)], check=True)
