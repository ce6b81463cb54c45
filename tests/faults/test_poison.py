"""Bad rows among good ones, under real beats."""

import io
from collections import Counter
from contextlib import suppress

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils.html import escape
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from djtaskq_beat.models import NextRun
from tests.contract.beat.test_poison import POISON
from tests.faults.conftest import FULL
from tests.waiting import eventually

# Each of these ends django-celery-beat's own scheduler, or is dropped there without a word.
BAD = {
    name: POISON[name]
    for name in (
        "no schedule",
        "an unknown period",
        "an interval beyond the calendar",
        "31 February",
        "an event that is none",
        "args that are no JSON",
        "args that are no list",
        "headers that are no object",
    )
}


@pytest.mark.parametrize("database", ["default"], indirect=True)
def test_bad_rows_are_reported_once_and_the_good_ones_run(database, redis_url, make_storm, admin_client):
    scale = {"load": 1000, "length": 30} if FULL else {}
    storm = make_storm(database, redis_url, settings={"BEAT_RECONCILE_SECONDS": 1}, **scale)
    storm.make(start_time=None)
    minutely = IntervalSchedule.objects.create(every=1, period="minutes")
    for name, (spoil, _) in BAD.items():
        spoil(PeriodicTask.objects.create(name=name, task="tests.poison", interval=minutely))
    storm.start(2)
    storm.blow()
    bad = NextRun.objects.filter(periodic_task__task="tests.poison")
    eventually(lambda: bad.exclude(error="").count() == len(BAD))
    errors = dict(bad.values_list("periodic_task__name", "error"))
    status = _status()
    pages = {name: _page(admin_client, name) for name in BAD}
    storm.reckon(f"{len(BAD)} kinds of bad rows")
    lines = [line for beat in storm.beats for line in beat.output.splitlines() if " cannot be " in line]
    assert Counter(_said_of(line) for line in lines) == dict.fromkeys(BAD, 1)
    for name, (_, expected) in BAD.items():
        assert expected in errors[name]
        assert f"{name}: {errors[name]}" in status
    for name, page in pages.items():
        assert escape(errors[name]) in page


def _said_of(line):
    return line.partition(" cannot be scheduled")[0].rpartition("beat: ")[2]


def _status():
    output = io.StringIO()
    with suppress(SystemExit):  # something is wrong, and it says so
        call_command("beat_status", stdout=output)
    return output.getvalue()


def _page(client, name):
    pk = PeriodicTask.objects.values_list("pk", flat=True).get(name=name)
    response = client.get(reverse("admin:django_celery_beat_periodictask_change", args=[pk]))
    assert response.status_code == 200
    return response.content.decode()
