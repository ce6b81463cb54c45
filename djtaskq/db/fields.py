"""Fields that hold what a database's own types cannot hold the same way everywhere."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from django.utils.dateparse import parse_datetime

if TYPE_CHECKING:
    _Field = models.Field[Any, dt.datetime | None]
else:  # generic for the type checker alone
    _Field = models.Field

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def to_microseconds(instant: dt.datetime) -> int:
    """Whole microseconds from the epoch to an aware `instant`, without a float on the way."""
    return (instant - EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> dt.datetime:
    """The aware UTC datetime `number` microseconds after the epoch; OverflowError beyond year 9999."""
    return EPOCH + dt.timedelta(microseconds=number)


class InstantField(_Field):
    """A point in time, exact to the microsecond, whatever USE_TZ, TIME_ZONE or the database say.

    Stored as a bigint of microseconds since the epoch; in Python an aware datetime in UTC. A naive datetime
    is read in Django's current time zone. Ordering and comparison work as on numbers; date parts and
    truncation in SQL do not exist for it.
    """

    description = "An instant (microseconds since the epoch)"
    empty_strings_allowed = False

    def get_internal_type(self) -> str:
        return "BigIntegerField"

    def from_db_value(
        self, value: int | None, _expression: object, _connection: BaseDatabaseWrapper
    ) -> dt.datetime | None:
        return None if value is None else from_microseconds(value)

    def to_python(self, value: Any) -> dt.datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            parsed = parse_datetime(value)
            if parsed is None:
                raise ValidationError(f"“{value}” is no date with a time.", code="invalid")
            value = parsed
        if isinstance(value, int):
            return from_microseconds(value)
        if not isinstance(value, dt.datetime):
            raise ValidationError(f"“{value}” is no date with a time.", code="invalid")
        if timezone.is_naive(value):
            value = timezone.make_aware(value)
        instant: dt.datetime = value.astimezone(dt.UTC)
        return instant

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        if value is None or isinstance(value, int) or hasattr(value, "resolve_expression"):
            return value
        instant = self.to_python(value)
        return None if instant is None else to_microseconds(instant)

    def formfield(self, **options: Any) -> Any:
        return super().formfield(**{"form_class": forms.DateTimeField, **options})

    def value_to_string(self, obj: models.Model) -> str:
        value = self.value_from_object(obj)
        return "" if value is None else value.isoformat()
