"""`beat_status`: what a person reads at three in the morning, and what a health check goes by."""

import datetime as dt
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat import status as status_module
from djtaskq_beat.heartbeat import Heartbeat
from djtaskq_beat.management.output import errors_told
from djtaskq_beat.models import Beat, NextRun, TaskRun
from tests.contract.beat.conftest import settle


def told(*arguments):
    """What is printed, and the exit code."""
    out = io.StringIO()
    try:
        call_command("beat_status", *arguments, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), ended.code
    return out.getvalue(), 0


@pytest.fixture
def beat(database):
    """A beat that is alive."""
    heartbeat = Heartbeat("web-1:42", using=database)
    heartbeat.claimed, heartbeat.published = 1234, 1230
    heartbeat.report()
    return heartbeat


@pytest.fixture
def triggers(monkeypatch):
    monkeypatch.setattr(status_module.triggers, "ask_active", lambda _using: True)


def test_a_beat_that_is_well(beat, triggers):
    text, code = told()
    assert text == (
        "Beats      alive    web-1:42  last tick 0 s ago, 1,234 claimed, 1,230 published\n"
        "Next due   nothing\n"
        "Lag        none\n"
        "Waiting    none\n"
        "Set aside  none\n"
        "Last hour  no runs\n"
        "Triggers   in place\n"
        "\n"
        "All is well.\n"
    )
    assert code == 0


def test_no_beat_is_wrong(database):
    text, code = told()
    assert text.startswith("Beats      none has ever reported itself here\n")
    assert text.endswith("\nNo beat is alive: start one with “celery -A yourproject beat -S djtaskq”.\n")
    assert code == 1


def test_beats_that_stopped_or_fell_silent_are_told_apart(beat, clock):
    beat.stop()
    Heartbeat("web-2:7", using=beat._using).report()
    Beat.objects.filter(pk="web-2:7").update(seen_at=clock() - dt.timedelta(minutes=5))
    text, code = told()
    assert "Beats      stopped  web-1:42  last tick 0 s ago" in text
    assert "\n           silent   web-2:7   last tick 5 min ago" in text
    assert code == 1


def test_what_keeps_every_beat_from_its_work_is_wrong(beat):
    beat.problem = "the broker cannot be reached"
    beat.report()
    text, code = told()
    assert "1,230 published; the broker cannot be reached\n" in text
    assert text.endswith("\nNo beat can do its work: the broker cannot be reached\n")
    assert code == 1


def test_what_is_due_next_and_how_late_it_is(beat, make_task, dispatcher, make_due):
    make_task("later", every=3600)
    make_task("soon", every=600)
    settle(dispatcher)
    text, code = told()
    assert "Next due   soon, in 9 min 5" in text or "Next due   soon, in 10 min" in text
    assert "Lag        none\n" in text
    assert code == 0
    make_due(720)
    text, code = told()
    assert "Next due   soon, 2 min ago (" in text or "Next due   soon, 2 min 1 s ago (" in text
    assert "Lag        2 min" in text
    assert "Something is due and was not looked at for 12" in text
    assert code == 1
    assert told("--max-lag", "300")[1] == 0


def test_runs_that_nobody_published_are_told(beat, make_task, clock):
    task = make_task()
    late = clock() - dt.timedelta(minutes=10)
    for number in range(2):
        slot = late + dt.timedelta(seconds=number)
        TaskRun.objects.create(
            periodic_task=task, name="task", slot=slot, state="claimed", claimed_at=late, retry_at=clock()
        )
    text, code = told()
    assert "Waiting    2 claimed and not published, the oldest for 10 min" in text
    assert "Last hour  2 claimed\n" in text
    assert "Something was claimed and not published for 60" in text
    assert code == 1


def test_a_run_that_is_to_go_out_later_is_not_late(beat, make_task, clock):
    task, now = make_task(), clock()
    long_ago, later = now - dt.timedelta(hours=1), now + dt.timedelta(hours=1)
    TaskRun.objects.create(
        periodic_task=task,
        name="task",
        slot=long_ago,
        state="claimed",
        claimed_at=long_ago,
        retry_at=later,
        due_at=later,
    )
    text, code = told()
    assert "Waiting    1 claimed and not published\n" in text
    assert code == 0


def test_rows_that_are_set_aside_are_named_and_are_no_lag(beat, make_task, dispatcher, clock):
    make_task("good", every=600)
    make_task("bad", args="[1")
    settle(dispatcher)
    text, code = told()
    assert "Set aside  bad: The args are not what a message can carry: " in text
    assert "Next due   good, in " in text
    NextRun.objects.exclude(error="").update(run_at=clock() - dt.timedelta(hours=1))
    assert "Lag        none\n" in told()[0]
    assert code == 0


def test_many_rows_that_are_set_aside_are_counted(beat, database, clock):
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    tasks = [PeriodicTask(name=f"bad-{number:04}", task="t", interval=interval) for number in range(1005)]
    PeriodicTask.objects.bulk_create(tasks)
    pks = PeriodicTask.objects.values_list("pk", flat=True)
    NextRun.objects.all().delete()
    NextRun.objects.bulk_create(
        [NextRun(periodic_task_id=pk, run_at=clock(), planned_from="x", error="wrong") for pk in pks]
    )
    lines = told()[0].splitlines()
    assert sum("bad-" in line for line in lines) == 10
    assert "           … more than 1,000 in all" in lines


def test_the_runs_of_the_last_hour_by_state(beat, make_task, clock):
    task, now = make_task(), clock()
    for minutes, state in ((5, "published"), (6, "published"), (7, "missed"), (90, "published")):
        at = now - dt.timedelta(minutes=minutes)
        TaskRun.objects.create(periodic_task=task, name="task", slot=at, state=state, claimed_at=at)
    assert "Last hour  2 published, 1 missed\n" in told()[0]


def test_keys_that_begin_high_hide_nothing(beat, make_task, clock):
    task, now = make_task(), clock()
    common = {"periodic_task": task, "name": "task", "state": "published", "claimed_at": now}
    TaskRun.objects.create(pk=5_000_000, slot=now, **common)
    assert "Last hour  1 published\n" in told()[0]


def test_more_runs_than_are_counted_are_told(beat, make_task, clock, monkeypatch):
    monkeypatch.setattr(status_module, "MOST_RUNS", 2)
    task, now = make_task(), clock()
    for seconds in range(3):
        slot = now - dt.timedelta(seconds=seconds)
        TaskRun.objects.create(periodic_task=task, name="task", state="published", slot=slot, claimed_at=slot)
    assert "Last hour  more than 2 published\n" in told()[0]


def test_for_machines(beat, make_task, dispatcher, triggers):
    make_task("good", every=600)
    make_task("bad", args="[1")
    settle(dispatcher)
    text, code = told("--format", "json")
    found = json.loads(text)
    assert (found["ok"], found["problems"], code) == (True, [], 0)
    [row] = found["beats"]
    assert (row["name"], row["state"], row["claimed"]) == ("web-1:42", "alive", 1234)
    assert found["next_due"]["name"] == "good"
    assert dt.datetime.fromisoformat(found["next_due"]["at"]) > dt.datetime.fromisoformat(found["now"])
    assert (found["lag"], found["waiting"]) == (0, {"number": 0, "more": False, "oldest": 0})
    assert found["set_aside"]["first"][0]["name"] == "bad"
    assert found["last_hour"] == {"runs": {}, "more": False}
    assert found["triggers"] is True


def test_it_asks_little_and_counts_no_whole_table(beat, make_task, dispatcher, database):
    make_task()
    make_task("bad", args="[1")
    settle(dispatcher)
    with CaptureQueriesContext(connections[database]) as captured:
        told()
    asked = [query["sql"] for query in captured]
    assert len(asked) <= 14
    for sql in asked:
        # Only the newest runs are counted, by a range of their keys.
        assert "COUNT(" not in sql or '"id" >' in sql.replace("`", '"') or "trigger" in sql.lower()


def test_a_database_that_does_not_answer_is_told_without_a_traceback():
    with pytest.raises(CommandError) as raised, errors_told():
        raise OperationalError("connection refused")
    assert str(raised.value) == (
        "The database does not do what it was asked (connection refused). See that it runs, and that "
        "“manage.py migrate” has been run."
    )


def test_a_limit_that_is_none_is_refused(database):
    with pytest.raises(CommandError, match="“soon” is no number of seconds"):
        told("--max-lag", "soon")
