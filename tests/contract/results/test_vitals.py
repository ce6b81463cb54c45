"""What the results say of themselves."""

import datetime as dt
import uuid

from django.db import connections
from django.test.utils import CaptureQueriesContext

from djtaskq.db.clock import now
from djtaskq.vitals import Level
from djtaskq_results import vitals
from djtaskq_results.models import Chord, Operation

HOUR = dt.timedelta(hours=1)


def known():
    return {vital.name: vital for vital in vitals.read()}


def operation(database, **columns):
    at = now(database) - HOUR
    return Operation.objects.create(kind="forget", username="u", created_at=at, **columns)


def test_nothing_is_said_of_what_is_over(database):
    operation(database, ended_at=now(database))
    Chord.objects.create(group_id="g", created_at=now(database) - HOUR)
    assert known() == {}


def test_an_operation_at_work_is_well(database):
    operation(database, runner=uuid.uuid4(), held_until=now(database) + HOUR)
    vital = known()["operations"]
    assert (vital.level, vital.value) == (Level.WELL, 0)


def test_an_operation_that_nobody_holds_stands_still(database):
    operation(database, runner=uuid.uuid4(), held_until=now(database) - HOUR)
    vital = known()["operations"]
    assert (vital.level, vital.value) == (Level.WARNING, 1)


def test_a_chord_whose_finisher_died(database):
    Chord.objects.create(group_id="g", created_at=now(database) - HOUR, claimed_until=now(database) - HOUR)
    assert known()["chords"].level == Level.WARNING


def test_three_statements(database):
    with CaptureQueriesContext(connections[database]) as statements:
        known()
    assert len(statements) == 3
