"""Workers, queues, statistics, schedules and vitals, and what a page costs."""

import datetime as dt
import re
from http import HTTPStatus

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat.models import NextRun
from djtaskq_monitor.models import QueueState, WorkerState
from djtaskq_monitor.recording import given
from tests.contract.monitor.api_v1.mounted import pages, said
from tests.contract.monitor.test_task_names import fold, record


def test_workers_and_queues_come_page_by_page(ask):
    now = timezone.now()
    for name in "cab":
        WorkerState.objects.merge([given.worker_change(f"{name}@h", now)])
        QueueState.objects.create(name=name, length=1)
    WorkerState.objects.filter(hostname="a@h").update(queues="a\nb")
    found = pages(ask, "workers", "workers", limit=2)
    assert [[worker["name"] for worker in page] for page in found] == [["a@h", "b@h"], ["c@h"]]
    assert {worker["status"] for page in found for worker in page} == {"online"}
    assert said(ask("workers/a@h"))["queues"] == ["a", "b"]
    assert said(ask("workers/no@h"), HTTPStatus.NOT_FOUND) == {"error": "Unknown worker 'no@h'"}
    found = pages(ask, "queues", "queues", limit=2)
    assert [[(queue["name"], queue["workers"]) for queue in page] for page in found] == [
        [("a", ["a@h"]), ("b", ["a@h"])],
        [("c", [])],
    ]


def test_what_was_counted(ask, database):
    for name in "bac":
        record(database, name, f"proj.{name}")
    fold(database)
    found = pages(ask, "names", "names", limit=2)
    assert [[each["name"] for each in page] for page in found] == [["proj.a", "proj.b"], ["proj.c"]]
    assert found[0][0]["succeeded"] == 1
    assert found[0][0]["runtime"]["p50"] == pytest.approx(0.7, rel=0.05)
    counted = said(ask("statistics"))
    assert counted["resolution"] == 60
    assert sum(point["succeeded"] for point in counted["points"]) == 3
    only = said(ask("statistics", name="proj.a"))
    assert sum(point["succeeded"] for point in only["points"]) == 1
    assert said(ask("statistics", until="1999-01-01T00:00:00Z"))["points"] == []


def test_what_schedules_start_next(database, ask):
    every = IntervalSchedule.objects.create(every=1, period="hours")
    now = timezone.now()
    for number, name in enumerate("dcba"):
        row = PeriodicTask.objects.create(name=name, task="proj.add", interval=every)
        due = now + dt.timedelta(hours=max(number, 1))
        NextRun.objects.filter(pk=row.pk).update(run_at=due, slot=due, changed_at=None)
    found = pages(ask, "schedules", "runs", limit=1)
    assert [[run["name"] for run in page] for page in found] == [["d"], ["c"], ["b"], ["a"]]
    assert found[0][0]["task"] == "proj.add"


def test_vitals(ask):
    assert {"cameras", "workers"} <= {each["name"] for each in said(ask("vitals"))["vitals"]}


ASIDE = re.compile("SAVEPOINT|set_config|BEGIN|COMMIT")
# Each with the statements that who asks costs: the token, its use, permissions.
COSTS = {
    "tasks": 8,
    "tasks?q=add": 8,
    "tasks/t8": 12,
    "outcomes/t8": 10,
    "workers": 5,
    "queues": 6,
    "names": 10,
    "statistics": 7,
    "schedules": 7,
}


def test_what_a_page_costs(database, ask, ten):
    spent = {}
    for what in COSTS:
        with CaptureQueriesContext(connections[database]) as queries:
            assert ask(what).status_code == HTTPStatus.OK
        spent[what] = len([each for each in queries if not ASIDE.search(each["sql"])])
    assert {what: cost for what, cost in spent.items() if cost > COSTS[what]} == {}
