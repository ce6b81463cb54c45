import datetime as dt

import pytest
from django.db import connections
from django.utils import timezone

from djtaskq.db import clock
from tests.models import Note

SOON = dt.timedelta(seconds=30)


def test_the_clock_tells_the_time_in_utc(database):
    assert abs(clock.now(database) - dt.datetime.now(dt.UTC)) < SOON
    assert clock.now(database).tzinfo is dt.UTC


def test_the_clock_is_one_statement(database, django_assert_num_queries):
    with django_assert_num_queries(1, using=database):
        clock.now(database)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_the_clock_does_not_follow_the_zone_of_the_connection(database, zone, settings):
    connection = connections[database]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE %s", [zone])
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = '-05:00'")
    try:
        assert abs(clock.now(database) - dt.datetime.now(dt.UTC)) < SOON
    finally:
        connection.close()


def test_rows_compare_with_the_clock(database):
    now = timezone.now()
    Note.objects.create(key="past", at=now - SOON)
    Note.objects.create(key="future", at=now + SOON)
    assert [note.key for note in Note.objects.filter(at__lte=clock.DatabaseNow())] == ["past"]


def test_the_clock_can_be_written_and_read(database):
    Note.objects.create(key="a")
    Note.objects.update(at=clock.DatabaseNow())
    assert abs(Note.objects.get().at - timezone.now()) < SOON
    assert Note.objects.annotate(now=clock.DatabaseNow()).get().now >= Note.objects.get().at
