"""The clock of one beat's host is wrong; the database's is the one that counts."""

import datetime as dt
import itertools
import re

import pytest
from django_celery_beat.models import PeriodicTask

from djtaskq.db.clock import now
from tests.faults.clocks import HostClock
from tests.faults.conftest import FULL
from tests.faults.storm import PATIENCE, SECOND, TASK

HOUR, DAY = 3600, 86_400
MINUTE = dt.timedelta(minutes=1)


@pytest.mark.parametrize("database", ["default", "mariadb"] if FULL else ["default"], indirect=True)
def test_no_slot_depends_on_the_clock_of_a_host(database, redis_url, make_storm, tmp_path):
    storm = make_storm(database, redis_url)
    storm.make(expire_seconds=60)
    # A message that may wait until tomorrow has not expired for a host that believes it is the day after.
    until = now(database).replace(microsecond=0) + dt.timedelta(hours=12)
    PeriodicTask.objects.filter(name__endswith="0").update(expire_seconds=None, expires=until)
    ahead, stepping = HostClock(tmp_path, 300), HostClock(tmp_path)
    beats = storm.start(1) + storm.start(**ahead.environment) + storm.start(**stepping.environment)
    offsets = itertools.chain([-HOUR, DAY], itertools.repeat(-300))

    def step():
        known, offset = _hours_in(beats[2].output), next(offsets)
        stepping.set(offset)
        if abs(offset) >= HOUR:
            beats[2].wait_for(lambda: _hours_in(beats[2].output) - known, timeout=PATIENCE)

    storm.blow(30 if FULL else 1, step)
    sent = storm.reckon(f"host clocks: +5 min; steps of -1 h, +1 d, -5 min; {database}")
    latest = now(database)
    for message in sent:
        if message.name.endswith("0"):
            assert message.expires == until
        else:
            assert MINUTE <= message.expires - message.slot <= MINUTE + PATIENCE * SECOND
    first = min(message.slot for message in sent)
    runs = PeriodicTask.objects.filter(task=TASK).values_list("last_run_at", flat=True)
    assert all(first <= last_run <= latest for last_run in runs)


def _hours_in(output):
    """The hours, with their days, that the lines of a log bear."""
    return set(re.findall(r"^\[(\d{4}-\d\d-\d\d \d\d):", output, re.MULTILINE))
