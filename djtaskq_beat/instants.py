"""django-celery-beat's datetimes as instants, and back, whatever USE_TZ says."""

import datetime as dt
from typing import overload

from django.conf import settings
from django.utils import timezone


@overload
def aware(value: dt.datetime) -> dt.datetime: ...
@overload
def aware(value: None) -> None: ...
def aware(value: dt.datetime | None) -> dt.datetime | None:
    """What a person entered, in UTC: a naive datetime is one in Django's TIME_ZONE."""
    if value is None:
        return None
    if timezone.is_naive(value):
        value = timezone.make_aware(value, timezone.get_default_timezone())
    return value.astimezone(dt.UTC)


def ran_at(value: dt.datetime | None) -> dt.datetime | None:
    """`last_run_at` in UTC."""
    if value is not None and timezone.is_naive(value):
        value = value.replace(tzinfo=_zone_of_last_run())
    return aware(value)


def last_run_at(instant: dt.datetime) -> dt.datetime:
    """`instant` as django-celery-beat's own scheduler would store it in `last_run_at`."""
    return instant if settings.USE_TZ else instant.astimezone(_zone_of_last_run()).replace(tzinfo=None)


def _zone_of_last_run() -> dt.tzinfo:
    # With this setting off, django-celery-beat stores the naive time of UTC.
    in_local_time = getattr(settings, "DJANGO_CELERY_BEAT_TZ_AWARE", True)
    return timezone.get_default_timezone() if in_local_time else dt.UTC
