"""`beat_next`: what a person reads who asks when a schedule runs next."""

import datetime as dt
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from djtaskq_beat import forecast
from djtaskq_beat.models import NextRun, RunPolicy
from tests.contract.beat.conftest import settle


def told(*arguments):
    out = io.StringIO()
    call_command("beat_next", *arguments, stdout=out)
    return out.getvalue()


def without_when(text):
    return [line.split(" UTC")[0] + " UTC" for line in text.splitlines() if " UTC" in line]


@pytest.fixture
def berlin(make_task):
    crontab = CrontabSchedule.objects.create(minute="30", hour="2", timezone="Europe/Berlin")
    return make_task("nightly", crontab=crontab)


def test_the_next_slots_are_told_where_they_are_and_in_utc(database, berlin, dispatcher):
    settle(dispatcher)
    first, *lines = told("nightly", "--from", "2030-03-30T00:00", "--count", "2").splitlines()
    assert first == "nightly: crontab 30 2 * * * Europe/Berlin"
    ordinary, moved = lines
    assert ordinary.startswith("  Sat 2030-03-30 02:30:00 CET    2030-03-30 01:30:00 UTC  in ")
    assert moved.startswith("  Sun 2030-03-31 03:00:00 CEST   2030-03-31 01:00:00 UTC  in ")
    assert moved.endswith("clocks go forward by 1 h: there is no 02:30 on this day")


def test_a_time_that_clocks_show_twice_is_pointed_out(database, berlin):
    *_, line = told("nightly", "--from", "2030-10-27", "--count", "1").splitlines()
    assert "Sun 2030-10-27 02:30:00 CEST" in line
    assert line.endswith("clocks show this time twice, this is the first")


def test_what_beat_has_planned_is_what_is_told(make_task, dispatcher, clock):
    task = make_task(every=90)
    settle(dispatcher)
    planned = NextRun.objects.get(pk=task.pk).slot
    lines = told("task", "--count", "3").splitlines()
    assert lines[0] == "task: every 90 seconds"
    slots = [f"{planned + number * dt.timedelta(seconds=90):%Y-%m-%d %H:%M:%S} UTC" for number in range(3)]
    assert [line.split("UTC")[1].strip() + " UTC" for line in lines[1:]] == slots


def test_a_schedule_that_no_beat_has_seen_is_answered_from_its_row(berlin):
    NextRun.objects.all().delete()
    lines = told("nightly", "--from", "2030-01-01").splitlines()
    assert lines[0] == "nightly: crontab 30 2 * * * Europe/Berlin (beat has yet to plan it)"
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("columns", "reason"),
    [({"enabled": False}, "it is disabled"), ({"expires": "2020-01-01T00:00:00Z"}, "no slot is left")],
)
def test_why_there_is_no_slot(columns, reason, make_task):
    make_task(**columns)
    assert told("task").splitlines() == ["task: every 60 seconds", f"  never: {reason}"]


def test_a_row_that_cannot_be_scheduled_says_so_in_its_line(make_task):
    task = make_task("broken")
    make_task("good")
    CrontabSchedule.objects.bulk_create([CrontabSchedule(minute="99", timezone="UTC")])
    PeriodicTask.objects.filter(pk=task.pk).update(interval=None, crontab=CrontabSchedule.objects.get())
    broken, good = told("--all").splitlines()
    assert broken.startswith("broken  never: The crontab's minute is '99'")
    assert good.startswith("good    ")


def test_jitter_and_a_pause_are_told(make_task, clock):
    task = make_task(every=3600)
    until = clock() + dt.timedelta(minutes=90)
    RunPolicy.objects.create(periodic_task=task, jitter=600, paused_until=until)
    first, second = told("task", "--count", "2").splitlines()[1:]
    assert f"skipped: paused until {until:%Y-%m-%d %H:%M:%S} UTC" in first
    assert "s later (jitter)" in second
    assert "paused" not in second


def test_all_are_read_page_by_page(database, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(forecast, "PAGE", 2)
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    names = [f"task-{number}" for number in range(5)]
    PeriodicTask.objects.bulk_create([PeriodicTask(name=name, task="t", interval=interval) for name in names])
    with django_assert_max_num_queries(4 + 3 * 3, using=database):
        lines = told("--all", "--format", "json").splitlines()
    found = [json.loads(line) for line in lines]
    assert [entry["name"] for entry in found] == names
    assert all(len(entry["slots"]) == 1 for entry in found)


def test_for_machines_times_are_iso(berlin):
    (entry,) = map(json.loads, told("nightly", "--from", "2030-03-31", "--format", "json").splitlines())
    assert entry["zone"] == "Europe/Berlin"
    assert entry["slots"][0] == {
        "local": "2030-03-31T03:00:00+02:00",
        "utc": "2030-03-31T01:00:00+00:00",
        "due_at": "2030-03-31T01:00:00+00:00",
        "notes": ["clocks go forward by 1 h: there is no 02:30 on this day"],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clena-up"], "There is no schedule named “clena-up”. Did you mean “clean-up”?"),
        (["zzz"], "There is no schedule named “zzz”. “manage.py beat_next --all” lists them."),
        ([], "Name one schedule, or ask for --all of them."),
        (["clean-up", "--count", "0"], "“0” is no whole number from 1 on."),
        (
            ["clean-up", "--from", "today"],
            "“today” is no time that can be used: write it as 2026-03-01T06:00",
        ),
    ],
)
def test_errors_say_what_to_do(arguments, message, make_task):
    make_task("clean-up")
    make_task("other")
    with pytest.raises(CommandError) as raised:
        told(*arguments)
    assert message in str(raised.value)
