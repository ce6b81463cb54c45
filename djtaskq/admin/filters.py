"""Filters of big tables: what to filter by is typed or comes by a link, never read off the table."""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from djtaskq.db.text import storable

_OWN = ("p", "after", "before", "e")


class ExactFilter(admin.SimpleListFilter):
    """One value of a column, typed by a person or given by a link. `parameter_name` is the column's name.

    `by_index` says whether an index finds the rows.
    """

    template = "djtaskq/exact_filter.html"
    by_index: ClassVar[bool] = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's signature
        return [("", "")]  # Django leaves out a filter without choices

    def suggestions(self, changelist: Any) -> Iterable[str]:  # noqa: ARG002  for those that know some
        """What a person is likely to type."""
        return ()

    def choices(self, changelist: Any) -> Iterator[Any]:
        """What the template shows: one entry with the form's parts."""
        yield {
            "name": self.parameter_name,
            "value": self.value() or "",
            "suggestions": list(dict.fromkeys(self.suggestions(changelist))),
            "others": _others(changelist, [str(self.parameter_name)]),
            "without": changelist.get_query_string(remove=[self.parameter_name]),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): storable(value)}) if value else queryset


class TimeFilter(admin.ListFilter):
    """A range of time on `column`: the latest hour, day, week, or from one time to another."""

    title = ""
    column: ClassVar[str]
    template = "djtaskq/time_filter.html"
    names: ClassVar[tuple[str, str]] = ("since", "until")
    spans: ClassVar[dict[str, dt.timedelta]] = {
        "1h": dt.timedelta(hours=1),
        "24h": dt.timedelta(days=1),
        "7d": dt.timedelta(days=7),
    }

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.names:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.names)

    def bounds(self) -> tuple[dt.datetime | None, dt.datetime | None]:
        """From when to when; what cannot be read as a time bounds nothing."""
        since, until = (str(self.used_parameters.get(name, "")) for name in self.names)
        if since in self.spans:
            return timezone.now() - self.spans[since], _instant(until)
        return _instant(since), _instant(until)

    def choices(self, changelist: Any) -> Iterator[Any]:
        since, until = (str(self.used_parameters.get(name, "")) for name in self.names)
        words = {"1h": _("The last hour"), "24h": _("The last 24 hours"), "7d": _("The last 7 days")}
        yield {
            "links": [
                (
                    _("Any time"),
                    changelist.get_query_string(remove=list(self.names)),
                    not since and not until,
                ),
                *(
                    (word, changelist.get_query_string({"since": span}, remove=["until"]), since == span)
                    for span, word in words.items()
                ),
            ],
            "since": "" if since in self.spans else since,
            "until": until,
            "others": _others(changelist, list(self.names)),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        since, until = self.bounds()
        if since is not None:
            queryset = queryset.filter(**{f"{self.column}__gte": since})
        return queryset if until is None else queryset.filter(**{f"{self.column}__lt": until})


def _instant(text: str) -> dt.datetime | None:
    try:
        instant = parse_datetime(text)
    except ValueError:
        return None
    return timezone.make_aware(instant) if instant is not None and timezone.is_naive(instant) else instant


def _others(changelist: Any, names: list[str]) -> list[tuple[str, str]]:
    """The rest of the query, for a form that must keep it."""
    return [
        (name, value)
        for name, values in changelist.filter_params.items()
        if name not in names and name not in _OWN
        for value in ([values] if isinstance(values, str) else values)
    ]
