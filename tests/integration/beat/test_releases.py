"""Real beats of two releases side by side, as in a rolling deploy."""

import json

import pytest
from django.db.models import F
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.models import Beat, Declaration, DeclaredTask, TaskRun
from tests.waiting import eventually

SECOND = {"task": "tests.noop", "schedule": 1}
OLD = {"both": SECOND, "old alone": SECOND}
NEW = {"both": SECOND, "new alone": SECOND}


@pytest.fixture
def start(processes, redis_url):
    """Return a function that starts a beat of a release and waits until it has reported itself."""

    def start(entries):
        environment = {"DJTASKQ_TEST_BROKER_URL": redis_url, "BEAT_RELEASE": json.dumps(entries)}
        known = Beat.objects.filter(stopped_at=None).count()
        beat = processes.beat("tests.integration.beat.releases", "-S", "djtaskq", environment=environment)
        eventually(lambda: Beat.objects.filter(stopped_at=None).count() > known)
        return beat

    return start


def in_force():
    enabled = PeriodicTask.objects.filter(declared_task__isnull=False, enabled=True)
    return set(enabled.values_list("name", flat=True)) - {"celery.backend_cleanup"}


@pytest.mark.parametrize("database", ["default"], ids=["postgresql"], indirect=True)
def test_a_rolling_deploy_and_its_roll_back(database, start):
    old = start(OLD)
    eventually(lambda: in_force() == set(OLD))
    new = start(NEW)
    eventually(lambda: in_force() == set(NEW))
    assert old.stop() == 0
    again = start(OLD)
    again.wait_for("another release is in force")
    runs = TaskRun.objects.filter(name="new alone").count()
    eventually(lambda: TaskRun.objects.filter(name="new alone").count() > runs)
    assert in_force() == set(NEW)
    assert new.stop() == 0
    # As if it had been declared a minute ago: a beat so young may not have reported itself.
    Declaration.objects.exclude(digest="").update(declared_at=F("declared_at") - 60_000_000)
    eventually(lambda: in_force() == set(OLD))
    assert again.stop() == 0
    assert again.output.count("another release is in force") == 1
    assert "Traceback" not in old.output + new.output + again.output


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_three_beats_of_one_release_that_start_together(database, processes, redis_url):
    environment = {"DJTASKQ_TEST_BROKER_URL": redis_url, "BEAT_RELEASE": json.dumps(OLD)}
    beats = [
        processes.beat("tests.integration.beat.releases", "-S", "djtaskq", environment=environment)
        for _ in range(3)
    ]
    eventually(lambda: Beat.objects.count() == 3)
    eventually(lambda: in_force() == set(OLD))
    assert [beat.stop() for beat in beats] == [0, 0, 0]
    for beat in beats:
        assert "ERROR" not in beat.output
        assert "Traceback" not in beat.output
    assert DeclaredTask.objects.filter(periodic_task__name__in=OLD).count() == 2
    assert Declaration.objects.exclude(digest="").count() == 1
