"""What is due over the next 24 hours: a row for each hour, a cell for each minute, the crowded ones dark."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import router
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from djtaskq.admin import widgets
from djtaskq.admin.lists import BigTableAdmin
from djtaskq.admin.parts import bar
from djtaskq_beat.day import MOST_NAMES, Day, day
from djtaskq_beat.models import NextRun
from djtaskq_beat.occurrences.window import MINUTE
from djtaskq_beat.policies import ON_TIME

STEPS = 5
_LONGEST = dt.timedelta(hours=25)
BUSIEST = 12
CELL, ROW, LABEL, TOTAL = 10, 18, 84, 66


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """A minute in which something is due; `step` is its shade, from 1 to `STEPS`."""

    x: int
    step: int
    count: int
    time: str
    url: str


@dataclasses.dataclass(frozen=True, slots=True)
class Hour:
    """A row of the drawing, whose top is `y`."""

    y: int
    label: str
    total: int
    cells: tuple[Cell, ...]

    @property
    def middle(self) -> int:
        return self.y + ROW - 5


@dataclasses.dataclass(frozen=True, slots=True)
class Shades:
    """The shades of counts from `least`, which every minute has, to `most`.

    They grow with the root of what is above the least, so that one crowded minute leaves others apart.
    """

    least: int
    most: int

    @classmethod
    def of(cls, counts: Mapping[int, int], minutes: range) -> "Shades":
        """`minutes`: those that are complete, since what is left of one says nothing of the others."""
        found = [counts.get(minute, 0) for minute in minutes]
        return cls(min(found, default=0), max(counts.values(), default=0))

    def step(self, count: int) -> int:
        return next((step for step in range(1, STEPS + 1) if count <= self._upper(step)), STEPS)

    def legend(self) -> list[tuple[int, str]]:
        """The steps that occur, each with the counts that it stands for."""
        first, found = max(self.least, 1), []
        for step in range(1, STEPS + 1):
            last = self._upper(step)
            if first <= last:
                found.append((step, f"{first:,}" if first == last else f"{first:,}–{last:,}"))
                first = last + 1
        return found

    def _upper(self, step: int) -> int:
        return self.least + (self.most - self.least) * step * step // (STEPS * STEPS)


@admin.register(NextRun)
class NextRunAdmin(BigTableAdmin):
    """Not a list of rows but the timetable; for everybody who may see the periodic tasks."""

    change_list_template = "djtaskq_beat/timetable.html"

    class Media:
        css = {"all": ["djtaskq_beat/beat.css"]}

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002  Django's signature
        tasks = self.admin_site._registry.get(PeriodicTask)  # noqa: SLF001  the admin of another model
        return tasks is not None and tasks.has_view_permission(request, None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) or self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        # Of nobody but the periodic task whose deletion takes its row along.
        tasks = self.admin_site._registry.get(PeriodicTask)  # noqa: SLF001
        return tasks is not None and tasks.has_delete_permission(request, None)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.changelist_view)
        return [path("", view, name="djtaskq_beat_nextrun_changelist")]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("The next 24 hours"),
            "opts": self.opts,
            "media": self.media,
            **_timetable(request),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.change_list_template, context)


def _timetable(request: HttpRequest) -> dict[str, Any]:
    using = router.db_for_read(NextRun)
    now = timezone.now()
    start = timezone.localtime(now).replace(minute=0, second=0, microsecond=0).astimezone(dt.UTC)
    at = _asked(request, start)
    today = day(using, now, start, at)
    shades = Shades.of(today.counts, range((now - start) // MINUTE + 1, today.minutes))
    busiest = sorted(today.counts.items(), key=lambda item: (-item[1], item[0]))[:BUSIEST]
    return {
        "hours": _hours(today, shades),
        "busiest": [
            (_time(today, minute), _url(today, minute), bar(count, shades.most, text=f"{count:,}"))
            for minute, count in busiest
        ],
        "total": f"{sum(today.counts.values()):,}",
        "scheduled": f"{today.scheduled:,}",
        "left_out": f"{today.left_out:,}" if today.left_out else "",
        "most": f"{shades.most:,}",
        "legend": shades.legend(),
        "day": today,
        "zone": timezone.get_current_timezone_name(),
        "overdue": NextRun.objects.filter(run_at__lt=now - ON_TIME, slot__isnull=False).count(),
        "at": at,
        "at_shown": widgets.exactly(at),
        "most_names": MOST_NAMES,
        "drawing": {
            "width": LABEL + 60 * CELL + TOTAL,
            "height": len(today.by_hour()) * ROW + ROW,
            "cell": CELL - 1,
            "row": ROW - 2,
            "total_x": LABEL + 60 * CELL + TOTAL,
            "marks": [(LABEL + minute * CELL, f":{minute:02}") for minute in (0, 15, 30, 45)],
        },
    }


def _asked(request: HttpRequest, start: dt.datetime) -> dt.datetime | None:
    """The minute that the address names, if it is one of the day's."""
    try:
        at = dt.datetime.fromisoformat(request.GET.get("at", ""))
        at = (timezone.make_aware(at) if timezone.is_naive(at) else at).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    at = at.replace(second=0, microsecond=0)
    return at if start <= at < start + _LONGEST else None


def _hours(today: Day, shades: Shades) -> list[Hour]:
    cells: list[list[Cell]] = [[] for _ in today.by_hour()]
    for minute, count in sorted(today.counts.items()):
        hour, place = divmod(minute, 60)
        cell = Cell(
            LABEL + place * CELL, shades.step(count), count, _time(today, minute), _url(today, minute)
        )
        cells[hour].append(cell)
    return [
        Hour(ROW + number * ROW, _label(today, number), total, tuple(cells[number]))
        for number, total in enumerate(today.by_hour())
    ]


def _label(today: Day, hour: int) -> str:
    local = timezone.localtime(today.minute(hour * 60))
    return f"{local:%a %H:%M}"


def _time(today: Day, minute: int) -> str:
    local = timezone.localtime(today.minute(minute))
    return f"{local:%H:%M} {local.tzname()}"


def _url(today: Day, minute: int) -> str:
    return "?" + urlencode({"at": f"{today.start + minute * MINUTE:%Y-%m-%dT%H:%MZ}"}) + "#djtaskq-due"
