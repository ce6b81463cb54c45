"""Several releases at once, each with a beat_schedule of its own: one is in force, and they do not fight."""

import datetime as dt
import threading

import pytest
from django.db import OperationalError, connections
from django.db.models import F
from django_celery_beat.models import PeriodicTask

from djtaskq_beat.declared import Declarer
from djtaskq_beat.declaring.standing import standing
from djtaskq_beat.heartbeat import Heartbeat
from djtaskq_beat.models import Beat, Declaration, DeclaredTask
from tests.contract.beat.declaring import another_connection_holds
from tests.waiting import eventually

OLD = {
    "both": {"task": "tests.old", "schedule": 60},
    "old alone": {"task": "tests.old", "schedule": 60},
}
NEW = {
    "both": {"task": "tests.new", "schedule": 60},
    "new alone": {"task": "tests.new", "schedule": 60},
}


class Started:
    """A beat that has started, and declared if it may."""

    def __init__(self, entries, app, database, name):
        self.declarer = Declarer(entries, app=app, using=database, name=name)
        eventually(self.declarer.look)
        self.heartbeat = Heartbeat(name, using=database)
        self.heartbeat.declaration = self.declarer.digest

    def look(self):
        self.declarer._look_at = 0
        eventually(self.declarer.look)

    def stop(self):
        self.heartbeat.stop()


@pytest.fixture
def start(app, database):
    """Return a function that starts a beat, which is seen alive unless told otherwise."""
    number = iter(range(100))

    def start(entries, *, seen=True):
        beat = Started(entries, app, database, f"test:{next(number)}")
        if seen:
            beat.heartbeat.report()
        return beat

    return start


def in_force():
    """The enabled rows: which task each one sends."""
    return {task.name: task.task for task in PeriodicTask.objects.filter(enabled=True)}


def says(entries):
    return {name: entry["task"] for name, entry in entries.items()}


def pass_time(seconds):
    """Have everything that was written be written longer ago."""
    by = seconds * 1_000_000
    Declaration.objects.exclude(digest="").update(declared_at=F("declared_at") - by)
    Beat.objects.update(seen_at=F("seen_at") - by, started_at=F("started_at") - by)


def test_a_new_release_is_in_force_while_the_old_one_still_runs(start):
    old = start(OLD)
    pass_time(3600)
    start(NEW)
    assert in_force() == says(NEW)
    old.look()
    assert in_force() == says(NEW)


def test_an_old_beat_that_starts_again_stands_back_and_says_so_once(start, caplog):
    caplog.set_level("INFO")
    start(OLD).stop()
    pass_time(3600)
    new = start(NEW)
    pass_time(60)
    new.heartbeat.report()
    again = start(OLD)
    again.look()
    again.look()
    assert in_force() == says(NEW)
    assert caplog.text.count("another release is in force, declared by test:1") == 1


def test_a_new_release_that_has_not_reported_itself_is_not_overlooked(start):
    start(OLD).stop()
    start(NEW, seen=False)
    start(OLD)
    assert in_force() == says(NEW)


def test_a_roll_back_takes_over_once_the_beats_of_the_other_release_are_gone(start):
    start(OLD).stop()
    pass_time(3600)
    new = start(NEW)
    pass_time(60)
    new.heartbeat.report()
    back = start(OLD)
    assert in_force() == says(NEW)
    new.stop()
    back.look()
    assert in_force() == says(OLD)
    assert PeriodicTask.objects.get(name="new alone").declared_task.removed_at is not None
    pass_time(60)
    back.heartbeat.report()
    assert start(NEW).declarer.digest == new.declarer.digest
    assert in_force() == says(OLD)


def test_a_roll_back_waits_for_a_killed_beat_no_longer_than_for_its_silence(start):
    start(OLD).stop()
    start(NEW)
    pass_time(3600)
    start(OLD)
    assert in_force() == says(OLD)


def test_an_old_beat_that_never_stopped_gives_the_new_release_five_minutes_to_come_back(start):
    old = start(OLD)
    pass_time(3600)
    old.declarer._started -= dt.timedelta(hours=1)
    new = start(NEW)
    new.stop()
    pass_time(240)
    old.heartbeat.report()
    old.look()
    assert in_force() == says(NEW)
    pass_time(61)
    old.look()
    assert in_force() == says(OLD)


def test_where_nobody_stands_in_the_way_each_of_two_releases_goes_on_seeing_the_same(start):
    beats = [start(OLD), start(NEW), start(OLD), start(NEW)]
    for _ in range(3):
        pass_time(10)
        for beat in beats:
            beat.heartbeat.report()
            beat.look()
            assert in_force() == says(NEW)


def test_a_clock_that_was_set_back_does_not_bring_an_older_release_back(start, database):
    start(OLD)
    pass_time(-3600)
    new = start(NEW)
    assert in_force() == says(NEW)
    assert standing(new.declarer.digest, database).is_current


def test_a_hundred_declarations_are_remembered(start, database):
    was = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    Declaration.objects.bulk_create(
        Declaration(digest=f"{n:03}", declared_at=was + dt.timedelta(days=n), declared_by="x")
        for n in range(150)
    )
    start(NEW)
    kept = set(Declaration.objects.values_list("digest", flat=True))
    assert len(kept) == 101
    assert "149" in kept
    assert "000" not in kept


@pytest.mark.parametrize("releases", [(NEW, NEW, NEW), (OLD, NEW, OLD)], ids=["one release", "two releases"])
def test_beats_that_start_at_the_same_instant_end_in_one_state(releases, app, database, caplog):
    for _ in range(2):
        declarers = [Declarer(entries, app=app, using=database, name="x") for entries in releases]
        at_once([declarer.look for declarer in declarers], database)
        settle_all(declarers)
        current = Declaration.objects.exclude(digest="").latest("declared_at")
        (entries,) = {
            id(entries): entries
            for entries, declarer in zip(releases, declarers, strict=True)
            if declarer.digest == current.digest
        }.values()
        assert in_force() == says(entries)
        assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
        PeriodicTask.objects.all().delete()
        DeclaredTask.objects.all().delete()
        Declaration.objects.all().delete()


def test_while_one_beat_declares_no_other_does(start, app, database):
    if not connections[database].features.has_select_for_update_skip_locked:
        pytest.skip("the database has one writer at a time anyway")
    start(OLD)
    declarer = Declarer(NEW, app=app, using=database, name="x")
    with another_connection_holds(database, Declaration.objects.filter(digest="")):
        assert not declarer.look()
        assert in_force() == says(OLD)
    declarer._look_at = 0
    assert declarer.look()
    assert in_force() == says(NEW)


def settle_all(declarers):
    for declarer in declarers:
        declarer._look_at = 0
        eventually(declarer.look)


def at_once(calls, database):
    """Call each in a thread with a connection of its own, again where they were in each other's way."""
    together = threading.Barrier(len(calls))
    failures = []

    def run(call):
        together.wait()
        try:
            eventually(lambda: without_conflict(call))
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            connections[database].close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def without_conflict(call):
    """As the scheduler does: a conflict is tried again."""
    try:
        return call()
    except OperationalError:
        return False
