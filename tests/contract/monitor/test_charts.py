"""What charts read: the right points, of the right tasks, in few rows."""

import datetime as dt

import pytest
from django.db import connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from djtaskq_monitor.models import TaskStatistics
from djtaskq_monitor.recording import store
from djtaskq_monitor.recording.recorder import Recorder
from djtaskq_monitor.statistics import charts, folding
from djtaskq_monitor.statistics.labels import ALL
from tests.monitoring import event, success

NOW = dt.datetime.now(dt.UTC).replace(minute=30, second=0, microsecond=0)
HOUR = dt.timedelta(hours=1)


def write(told, database, ago=dt.timedelta(0), name=None):
    shift = (NOW - ago).timestamp() - event("x", 0)["timestamp"]
    recorder = Recorder(100_000)
    for each in told:
        if name and "name" in each:
            each["name"] = name
        recorder.take(each | {"timestamp": each["timestamp"] + shift})
    assert not store.write(recorder.swap(), using=database)[0]


@pytest.fixture(params=["folded", "fresh"])
def told(request, database):
    """Three tasks of a, one of b, over two hours and two workers."""
    for task_id, name, ago, worker, runtime in (
        ("1", "a", 0, "w1", 1.0),
        ("2", "a", 0, "w2", 2.0),
        ("3", "a", 1, "w1", 3.0),
        ("4", "b", 1, "w1", 40.0),
    ):
        life = success(task_id, worker=worker)
        life[3]["runtime"] = runtime
        write(life, database, HOUR * ago, name)
    if request.param == "folded":
        assert folding.fold(using=database) == 4


def read(**options):
    return charts.series(NOW - 3 * HOUR, NOW + HOUR, **options)


def counts(points, state="succeeded"):
    return [(round((NOW - point.at) / HOUR), point[state]) for point in points]


def test_all_tasks_together(told):
    assert {label: counts(points) for label, points in read().items()} == {"": [(1, 2), (0, 2)]}


def test_by_each_dimension(told):
    assert {label: counts(points) for label, points in read(by="name").items()} == {
        "a": [(1, 1), (0, 2)],
        "b": [(1, 1)],
    }
    assert counts(read(by="worker")["w1"]) == [(1, 2), (0, 1)]
    assert set(read(by="worker")) == {"", "w1", "w2"}  # clients' word is no worker's
    assert counts(read(by="queue")["celery"], "sent") == [(1, 2), (0, 2)]


def test_of_some_tasks_alone(told):
    assert counts(read(name="a")[""]) == [(1, 1), (0, 2)]
    assert counts(read(name="a", worker="w1")[""]) == [(1, 1), (0, 1)]
    assert {label: counts(points) for label, points in read(by="name", worker="w1").items()} == {
        "a": [(1, 1), (0, 1)],
        "b": [(1, 1)],
    }
    assert read(name="nobody") == {}


def test_percentiles_and_means_of_durations(told):
    (now, point) = charts.summary(NOW - 3 * HOUR, NOW + HOUR, by="name").values()
    assert now.runtimes(50) == [pytest.approx(2, rel=0.05)]
    assert now.runtimes(0, 100) == [pytest.approx(1, rel=0.05), pytest.approx(3, rel=0.05)]
    assert now.mean_runtime == pytest.approx(2)
    assert now.mean_wait == pytest.approx(0.2)
    assert now.waits(95) == [pytest.approx(0.2, rel=0.05)]
    assert point.runtimes(50, 99) == [pytest.approx(40, rel=0.05)] * 2


def test_what_nothing_is_known_of_has_no_duration(database):
    write([event("task-received", 0, uuid="t")], database)
    (point,) = read()[""]
    assert (point["received"], point.mean_runtime, point.runtimes(50)) == (1, None, [None])


@pytest.mark.parametrize(
    ("hours", "resolution"), [(1, 60), (6, 60), (7, 3_600), (24 * 7, 3_600), (24 * 30, 86_400)]
)
def test_the_resolution_is_as_fine_as_makes_some_hundred_points(hours, resolution):
    now = dt.datetime.now(dt.UTC)
    assert charts.resolution_of(now - hours * HOUR, now) == resolution


@override_settings(DJTASKQ={"MONITOR_STATISTICS_MINUTES": 7_200.0})
def test_minutes_that_are_kept_no_longer_are_not_asked_for():
    now = dt.datetime.now(dt.UTC)
    assert charts.resolution_of(now - HOUR, now) == 60
    assert charts.resolution_of(now - 4 * HOUR, now - 3 * HOUR) == 3_600


def test_a_week_of_many_tasks_is_read_in_hundreds_of_rows(database):
    for hour in range(0, 24 * 7, 8):
        for number in range(5):
            for worker in ("w1", "w2"):
                life = success(f"{hour}-{number}-{worker}", worker=worker)
                write(life, database, HOUR * hour, f"proj.t{number}")
    while folding.fold(using=database):
        pass
    week = NOW - dt.timedelta(days=7), NOW + HOUR
    with CaptureQueriesContext(connections[database]) as statements:
        (points,) = charts.series(*week, using=database).values()
    assert len(statements) == 3  # the series, what was summed up, and what was not yet
    assert len(points) == 21
    assert sum(point["succeeded"] for point in points) == 210
    rows = TaskStatistics.objects.filter(resolution=3_600, series__name=ALL, series__queue=ALL)
    assert rows.filter(series__worker=ALL).count() == 21
