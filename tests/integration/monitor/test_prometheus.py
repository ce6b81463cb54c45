"""A real Prometheus scrapes a running server: boards and rules get what they ask for."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from django.urls import include, path
from django.utils import timezone

from djtaskq import vitals
from djtaskq.vitals import Level, Vital
from djtaskq_monitor.metrics.views import exposition
from djtaskq_monitor.models import QueueState, WorkerState
from tests.contract.monitor.test_statistics import fold_all, write
from tests.integration.monitor.prometheus import Prometheus
from tests.monitoring import ROUTE, event, message, retried, success, timed_out
from tests.processes import ROOT
from tests.waiting import eventually
from tools.machine import ensure, find
from tools.needs import PROMETHEUS

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "a-token-of-some-length"
GRAFANA = ROOT / "docs" / "grafana"
# What promtool finds odd in names that Flower and celery-exporter chose.
ODD = ("celery_active_consumer_count", "celery_active_worker_count")
TASKS = 'cluster="$cluster", namespace="$namespace", job=~"$job", queue_name=~"$queue_name", name=~"$task"'
FLOWER = 'worker=~"$worker", task=~"$task"'
STATES = ("sent", "received", "succeeded", "failed", "retried", "rejected", "revoked")
EXPRESSIONS = (
    *(
        f"sum by (name) (increase(celery_task_{state}_total{{{TASKS}}}[$__rate_interval]))"
        for state in STATES
    ),
    "sum by (name, exception) (increase(celery_task_failed_total[$__range])) > 0",
    f"histogram_quantile(0.95, sum by (name, le) (rate(celery_task_runtime_bucket{{{TASKS}}}[1m])))",
    f"sum(rate(celery_task_runtime_sum{{{TASKS}}}[1m])) > 0",
    f"sum(rate(celery_task_runtime_count{{{TASKS}}}[1m])) > 0",
    "histogram_quantile(0.95, sum by (queue_name, le) (rate(celery_task_queue_wait_time_bucket[1m])))",
    'count(celery_worker_up{cluster="$cluster"} == 1)',
    "celery_worker_up == 0",
    "sum(celery_worker_tasks_active)",
    "celery_queue_length > 100",
    'label_values(celery_task_received_total{job=~"$job"}, queue_name)',
    "label_values(flower_events_total, task)",
    f'sum by (worker) (increase(flower_events_total{{{FLOWER}, type="task-failed"}}[1m])) > 0',
    'sum by (task) (increase(flower_events_total{type=~"task-(succeeded|failed|retried)"}[1m])) > 0',
    "histogram_quantile(0.95, sum by (le, task) (rate(flower_task_runtime_seconds_bucket[1m])))",
    "avg by (task) (flower_task_prefetch_time_seconds) > 1",
    "sum by (worker) (flower_worker_prefetched_tasks) > 0",
    "sum(flower_worker_number_of_currently_executing_tasks)",
    "flower_worker_online == 0",
)
urlpatterns = [path("celery/", include("djtaskq_monitor.urls"))]


def tasks(turn):
    told = [*success(f"{turn}-a"), *retried(f"{turn}-b"), *timed_out(f"{turn}-c")]
    gone = event("task-received", 0, hostname="celery@gone", **message(f"{turn}-d"))
    ended = (event(f"task-{end}", 1, uuid=f"{turn}-{end}") for end in ("revoked", "rejected"))
    sent = (event("task-sent", 0, **message(f"{turn}-{end}"), **ROUTE) for end in ("revoked", "rejected"))
    return [*told, gone, *sent, *ended]


def at_hand():
    runs = [event("task-received", 6, **message("runs")), event("task-started", 8.5, uuid="runs")]
    return [*runs, event("task-received", 7, **message("held"))]


def store(told):
    write(told, "default")
    fold_all("default")
    WorkerState.objects.exclude(hostname="celery@gone").update(last_heartbeat=timezone.now(), active=1)
    WorkerState.objects.filter(hostname="celery@gone").update(
        last_heartbeat=timezone.now() - timezone.timedelta(seconds=100)
    )


@pytest.fixture
def prometheus(transactional_db, live_server, processes, tmp_path, settings, monkeypatch):
    """Prometheus, after it saw tasks come and end."""
    settings.ROOT_URLCONF = __name__
    settings.DJTASKQ = {"MONITOR_PROBE_TOKEN": TOKEN}
    monkeypatch.setattr(vitals, "_readers", {"test": (0, _vitals)})
    store([*tasks("first"), *at_hand()])
    QueueState.objects.create(name="celery", length=150, consumers=0)
    prometheus = Prometheus(processes, tmp_path, live_server.url, TOKEN)
    eventually(lambda: prometheus.ask("celery_task_succeeded_total"), timeout=30)
    # Again and again: what a rate is asked of has to grow between the last two times that it was read.
    for turn in range(3):
        store(tasks(turn))
        wanted = 2 * (turn + 2)
        eventually(
            lambda wanted=wanted: prometheus.ask(f"celery_task_succeeded_total == {wanted}"), timeout=30
        )
    return prometheus


def _vitals():
    since = timezone.now()
    return [
        Vital(name=name, label=name, level=Level.BAD, said="", value=100, since=since)
        for name in ("schedules", "missed_runs", "dropped")
    ]


def expressions():
    """Ours, those of our board and rules, and those of the file that DJTASKQ_EXPRESSIONS names."""
    board = json.loads((GRAFANA / "board.json").read_text())
    yield from EXPRESSIONS
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])
    variables = [each for each in board["templating"]["list"] if each["type"] == "query"]
    yield from (each["query"]["query"] for each in variables)
    groups = yaml.safe_load((GRAFANA / "alerts.yml").read_text())["groups"]
    yield from (rule["expr"] for group in groups for rule in group["rules"])
    if file := os.environ.get("DJTASKQ_EXPRESSIONS"):
        for source in json.loads(Path(file).read_text()):
            yield from (each for each in source["expressions"] if each != "prometheus")


def test_boards_and_rules_get_series_for_everything_that_they_ask(prometheus):
    assert {expression for expression in expressions() if not prometheus.ask(expression)} == set()


def test_promtool_finds_nothing_to_mend_in_what_we_serve(transactional_db):
    store([*tasks("first"), *at_hand()])
    QueueState.objects.create(name="celery", length=150, consumers=0)
    done = promtool("check", "metrics", text=exposition())
    complaints = [line for line in done.stderr.splitlines() if not line.startswith(ODD)]
    assert complaints == []


def test_rules_and_configuration_are_prometheus_own():
    assert promtool("check", "rules", str(GRAFANA / "alerts.yml")).returncode == 0
    checked = promtool("check", "config", "--syntax-only", str(GRAFANA / "prometheus.yml"))
    assert checked.returncode == 0, checked.stderr


def promtool(*arguments, text=""):
    ensure([PROMETHEUS])
    command = [find("promtool"), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
