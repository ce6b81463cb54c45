"""Crontabs as a page reads them: one whose time zone is unknown comes with its name, and is no error."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast
from django.db.models.query import ModelIterable
from django_celery_beat.models import CrontabSchedule

_NAME = "zone_name"


def with_any_zone(crontabs: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows, of which `timezone` is a text where this machine knows no such zone.

    Read through the field's own converter, one of them would take all the others down.
    """
    # The name of the field is taken, so the text goes by another one.
    named: QuerySet[Any] = crontabs.defer("timezone").annotate(
        **{_NAME: Cast("timezone", CharField(max_length=63))}
    )
    named._iterable_class = _WithAnyZone  # noqa: SLF001  a queryset's clones keep it
    return named


class _WithAnyZone(ModelIterable):  # type: ignore[type-arg]  # generic for the type checker alone
    def __iter__(self) -> Iterator[Any]:
        for crontab in super().__iter__():
            # Past the field's own attribute, which converts what is set.
            crontab.__dict__["timezone"] = _zone(getattr(crontab, _NAME))
            yield crontab


def _zone(name: str) -> Any:
    try:
        return CrontabSchedule._meta.get_field("timezone").to_python(name)
    except ValidationError:
        return name
