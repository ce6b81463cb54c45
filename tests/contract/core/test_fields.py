import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from djtaskq.db.fields import InstantField, from_microseconds, to_microseconds
from tests.models import Note

INSTANT = dt.datetime(2026, 11, 1, 5, 30, 0, 123_456, tzinfo=dt.UTC)


@pytest.fixture(params=[True, False], ids=["USE_TZ", "no USE_TZ"])
def any_use_tz(request, settings):
    settings.USE_TZ = request.param
    settings.TIME_ZONE = "America/New_York"
    timezone.get_default_timezone.cache_clear()
    yield
    timezone.get_default_timezone.cache_clear()


def test_an_instant_comes_back_to_the_microsecond(database, any_use_tz):
    Note.objects.create(key="a", at=INSTANT)
    assert Note.objects.get().at == INSTANT
    assert Note.objects.get().at.tzinfo is dt.UTC


def test_both_instants_of_a_repeated_hour_stay_apart(database, any_use_tz):
    new_york = ZoneInfo("America/New_York")
    first = dt.datetime(2026, 11, 1, 1, 30, tzinfo=new_york)
    second = first.replace(fold=1)
    Note.objects.create(key="first", at=first)
    Note.objects.create(key="second", at=second)
    # Datetimes of one zone compare by their wall clocks, which are the same.
    gap = Note.objects.get(key="second").at - Note.objects.get(key="first").at
    assert gap == dt.timedelta(hours=1)


def test_instants_filter_and_sort(database, any_use_tz):
    for minutes in (2, 0, 1):
        Note.objects.create(key=str(minutes), at=INSTANT + dt.timedelta(minutes=minutes))
    later = Note.objects.filter(at__gt=INSTANT).order_by("at")
    assert [note.key for note in later] == ["1", "2"]


def test_none_stays_none(database):
    Note.objects.create(key="a")
    assert Note.objects.get().at is None
    assert Note.objects.filter(at__isnull=True).exists()


def test_an_instant_survives_a_dump_to_the_millisecond_as_django_s_own_do(database):
    Note.objects.create(key="a", at=INSTANT)
    dumped = serializers.serialize("json", Note.objects.all())
    (loaded,) = serializers.deserialize("json", dumped)
    assert loaded.object.at == INSTANT.replace(microsecond=123_000)


@pytest.mark.parametrize("value", ["soon", object()])
def test_what_is_no_instant_is_refused(value):
    with pytest.raises(ValidationError, match="no date"):
        InstantField().to_python(value)


def test_a_naive_time_is_read_in_the_current_zone():
    with timezone.override("Asia/Kolkata"):
        assert InstantField().to_python(dt.datetime(2026, 1, 1, 5, 30)) == dt.datetime(  # noqa: DTZ001  naive on purpose
            2026, 1, 1, tzinfo=dt.UTC
        )


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_microseconds_are_exact(instant):
    assert from_microseconds(to_microseconds(instant)) == instant
