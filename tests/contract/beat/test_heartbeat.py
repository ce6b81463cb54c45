"""A beat's own row: who is alive, what it did, what keeps it from its work."""

import datetime as dt
import os

import pytest
from django.db import connections
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from djtaskq_beat import heartbeat
from djtaskq_beat.heartbeat import Heartbeat, alive, forget_silent, process_name
from djtaskq_beat.models import Beat
from tests.contract.beat.conftest import settle

DAY = 86_400


@pytest.fixture
def beat(database):
    return Heartbeat("host:1-a", using=database)


def silent_for(seconds):
    Beat.objects.update(seen_at=F("seen_at") - seconds * 1_000_000)


def test_a_beat_reports_itself_by_the_databases_clock(beat, clock):
    beat.report()
    row = Beat.objects.get()
    assert (row.name, row.pid, row.stopped_at) == ("host:1-a", os.getpid(), None)
    assert clock() - row.seen_at < dt.timedelta(seconds=10)
    assert abs(row.seen_at - row.started_at) < dt.timedelta(seconds=2)
    started_at = row.started_at
    silent_for(60)
    beat.claimed, beat.published, beat.problem = 7, 5, "no broker\x00"
    beat.report()
    row.refresh_from_db()
    assert (row.claimed, row.published) == (7, 5)
    assert row.problem.startswith("no broker")
    assert row.started_at == started_at
    assert clock() - row.seen_at < dt.timedelta(seconds=10)


def test_a_heartbeat_is_one_statement(beat, database):
    beat.report()
    with CaptureQueriesContext(connections[database]) as captured:
        assert beat.report() is False
    assert len(captured) == 1


def test_a_beat_is_alive_until_it_stops_or_falls_silent(beat, database):
    beat.report()
    Heartbeat("host:1-b", using=database).report()
    assert alive(database).count() == 2
    silent_for(15)
    assert alive(database).count() == 2
    silent_for(10)
    assert alive(database).count() == 0
    beat.report()
    assert [beat.name for beat in alive(database)] == ["host:1-a"]
    beat.stop()
    assert alive(database).count() == 0
    assert Beat.objects.get(name="host:1-a").stopped_at is not None


def test_rows_of_beats_that_are_long_gone_go_when_another_starts(beat, database):
    beat.report()
    silent_for(DAY - 60)
    assert forget_silent(database) == 0
    silent_for(120)
    Heartbeat("host:1-b", using=database).report()
    assert [beat.name for beat in Beat.objects.all()] == ["host:1-b"]


def test_a_row_that_somebody_deleted_comes_back(beat):
    beat.report()
    Beat.objects.all().delete()
    beat.report()
    assert Beat.objects.count() == 1


def test_a_process_has_one_name_that_no_other_has(monkeypatch):
    name = process_name()
    assert process_name() == name
    assert f":{os.getpid()}-" in name
    monkeypatch.setattr(os, "getpid", lambda: 1)
    forked = process_name()
    heartbeat._drawn.cache_clear()
    in_another_container = process_name()
    assert len({name, forked, in_another_container}) == 3


def test_a_dispatcher_counts_what_it_did_and_says_goodbye(dispatcher, make_task, make_due):
    make_task("one")
    make_task("two")
    settle(dispatcher)
    make_due()
    settle(dispatcher)
    dispatcher._report()
    beat = Beat.objects.get()
    assert (beat.name, beat.claimed, beat.published, beat.problem) == ("test:1", 2, 2, "")
    dispatcher.close()
    assert Beat.objects.get().stopped_at is not None


def test_it_says_that_the_broker_is_away(dispatcher, monkeypatch):
    dispatcher.publisher._fail(OSError("refused"))
    monkeypatch.setattr(dispatcher.publisher, "reachable", lambda: False)
    dispatcher._report()
    assert Beat.objects.get().problem == "The broker cannot be reached: refused"
