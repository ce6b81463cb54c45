"""Statistics are what the rows count for, whoever wrote them, how often and in which order."""

import dataclasses
import threading

import pytest
from django.db import connections
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from djtaskq.db.features import features
from djtaskq.db.fields import to_microseconds
from djtaskq_monitor.models import FreshStatistics, Series, TaskState, TaskStatistics
from djtaskq_monitor.recording import store, writing
from djtaskq_monitor.recording.recorder import Recorder
from djtaskq_monitor.statistics import folding, histogram, labels
from djtaskq_monitor.statistics.contributions import COLUMNS, MICRO, add_difference
from djtaskq_monitor.statistics.tally import STATES, Tally
from tests.laws import law_in_sql, takes_long
from tests.monitoring import NOW, retried, success, task_events, timed_out

pytestmark = takes_long


def write(told, database):
    recorder = Recorder(100_000, clock=lambda: NOW)
    for each in told:
        recorder.take(each)
    left, set_aside = store.write(recorder.swap(), using=database)
    assert (len(left), set_aside) == (0, 0)


def fold_all(database, most=folding.MOST_FRESH):
    while folding.fold(using=database, most=most):
        pass
    assert not FreshStatistics.objects.exists()


def empty():
    for model in (TaskState, FreshStatistics, TaskStatistics, Series):
        model.objects.all().delete()


def expected():
    """What the rows count for, by the minute."""
    tally = Tally()
    for row in TaskState.objects.all():
        values = {name: getattr(row, "worker_id" if name == "worker" else name) for name in COLUMNS}
        add_difference(
            tally,
            None,
            {
                name: to_microseconds(value) if hasattr(value, "tzinfo") else value
                for name, value in values.items()
            },
        )
    return {
        (label, minute * 60 * MICRO): (cell.states, cell.runtime, cell.wait, cell.runtimes, cell.waits)
        for label, minute, cell in tally
    }


def stored(resolution=TaskStatistics.MINUTE):
    found = {}
    rows = TaskStatistics.objects.exclude(series__name=labels.ALL).exclude(series__queue=labels.ALL)
    for row in rows.filter(resolution=resolution).select_related("series"):
        figures = (
            [getattr(row, state) for state in STATES],
            row.runtime,
            row.wait,
            histogram.read(row.runtimes),
            histogram.read(row.waits),
        )
        label = (row.series.name, row.series.queue, row.series.worker)
        if any(figures[0]) or figures[3] or figures[4]:
            found[label, to_microseconds(row.at)] = figures
    return found


def totals(resolution=TaskStatistics.MINUTE):
    together = dict.fromkeys((f"series__{name}" for name in labels.DIMENSIONS), labels.ALL)
    rows = TaskStatistics.objects.filter(resolution=resolution, **together)
    sums = {state: sum(getattr(row, state) for row in rows) for state in STATES}
    return {state: count for state, count in sums.items() if count}


@law_in_sql
@given(told=st.lists(task_events(), max_size=10), data=st.data())
def test_they_are_what_the_rows_count_for_after_any_writes(database, told, data):
    empty()
    again = data.draw(st.lists(st.sampled_from(told), max_size=5)) if told else []
    events = data.draw(st.permutations(told + again))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=3)))
    for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        write(events[start:end], database)
        if data.draw(st.booleans()):
            folding.fold(using=database, most=1)
    fold_all(database)
    assert stored() == expected()
    states = [figures[0] for figures in stored().values()]
    summed = dict(zip(STATES, map(sum, zip(*states, strict=True)), strict=True)) if states else {}
    assert totals() == {state: count for state, count in summed.items() if count}


def test_each_resolution_counts_all(database):
    for told in (success("a"), success("b", at=100), success("c", at=5_000), retried("d"), timed_out("e")):
        write(told, database)
    fold_all(database)
    assert totals(60) == totals(3_600) == totals(86_400)
    assert totals() == {"sent": 5, "received": 6, "started": 6, "succeeded": 4, "failed": 1, "retried": 1}


def test_two_cameras_that_write_the_same_at_once_count_it_once(database):
    told = [each for number in range(150) for each in success(f"t{number}", at=number % 3)]
    told += [each for number in range(20) for each in retried(f"r{number}")]

    def camera(events, folds):
        try:
            for start in range(0, len(events), 40):
                write(events[start : start + 40], database)
                if folds:
                    folding.fold(using=database, most=2)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=camera, args=[told, True]),
        threading.Thread(target=camera, args=[told[::-1], True]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    fold_all(database)
    assert stored() == expected()
    assert totals() == {"sent": 190, "received": 190, "started": 190, "succeeded": 170, "retried": 20}


@pytest.mark.parametrize("known", [False, True])
def test_a_camera_that_is_overtaken_between_reading_and_writing_begins_anew(database, known, monkeypatch):
    if features(database).single_writer:
        pytest.skip("nobody writes in between")
    told = success("t")
    if known:
        write(told[:1], database)
    read, overtaken = writing._read, []

    def read_and_be_overtaken(*args):
        found = read(*args)
        if not overtaken:
            overtaken.append(True)
            in_a_thread(lambda: write(told, database))
        return found

    monkeypatch.setattr(writing, "_read", read_and_be_overtaken)
    write(told[1:3], database)
    assert overtaken
    fold_all(database)
    assert stored() == expected()
    assert totals() == {"sent": 1, "received": 1, "started": 1, "succeeded": 1}


def in_a_thread(work):
    def run():
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)


@override_settings(DJTASKQ={"MONITOR_STATISTICS_LABELS": 3})
def test_names_beyond_the_limit_are_counted_together(database):
    for number in range(6):
        told = success(f"t{number}")
        for each in told:
            if "name" in each:
                each["name"] = f"proj.task{number}"
        write(told, database)
        fold_all(database)
    names = set(Series.objects.values_list("name", flat=True))
    assert names == {"proj.task0", "proj.task1", "proj.task2", labels.OTHER, labels.ALL}
    rows = TaskStatistics.objects.filter(series__name=labels.OTHER, series__queue=labels.ALL, resolution=60)
    assert sum(row.succeeded for row in rows) == 3


@override_settings(DJTASKQ={"MONITOR_STATISTICS": False})
def test_nothing_is_counted_where_nobody_wants_it(database):
    write(success("t"), database)
    assert not FreshStatistics.objects.exists()


def test_what_came_twice_adds_nothing_to_be_summed_up(database):
    write(success("t"), database)
    write(success("t"), database)
    assert FreshStatistics.objects.count() == 1


def test_a_sum_too_large_for_its_column_stops_nothing(database):
    told = success("t")
    told[3]["runtime"] = 1e300
    write(told, database)
    fold_all(database)
    row = TaskStatistics.objects.get(resolution=60, series__name=labels.ALL, series__worker="celery@one")
    assert row.runtime == 366 * 86_400 * MICRO


def test_a_process_that_writes_folds_now_and_then(database):
    folder = folding.Folder(seconds=3_600)
    write(success("t"), database)
    folder.after_write(using=database)
    assert totals()
    write(success("u"), database)
    folder.after_write(using=database)
    assert FreshStatistics.objects.count() == 1
    folding.Folder().after_write(using=database)
    assert not FreshStatistics.objects.exists()


@pytest.mark.parametrize("most", [1, 200])
def test_folding_twice_counts_once(database, most):
    for number in range(5):
        write(success(f"t{number}"), database)
    assert folding.fold(using=database, most=most) == min(5, most)
    fold_all(database, most)
    assert folding.fold(using=database) == 0
    assert totals() == {"sent": 5, "received": 5, "started": 5, "succeeded": 5}


def test_a_database_whose_upserts_return_nothing_is_asked(database, monkeypatch):
    able = dataclasses.replace(features(database), returning_upsert=False)
    monkeypatch.setattr(writing, "features", lambda _using: able)
    monkeypatch.setattr(folding, "features", lambda _using: able)
    told = retried("t")
    for part in (told[:3], told[2:6], told[5:]):
        write(part, database)
        fold_all(database)
    assert stored() == expected()
    assert totals() == {"sent": 2, "received": 2, "started": 2, "retried": 1, "succeeded": 1}
