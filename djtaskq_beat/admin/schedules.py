"""The four schedules' admins: searchable, so that a form finds one of 100,000 without listing them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django_celery_beat import admin as theirs
from django_celery_beat import models

from djtaskq.admin.lists import CappedPaginator
from djtaskq.admin.sites import replace
from djtaskq_beat.admin.deletion import LightScheduleDeletion
from djtaskq_beat.admin.zones import with_any_zone


class _Schedule(LightScheduleDeletion):
    paginator = CappedPaginator
    show_full_result_count = False

    def get_inlines(self, request: HttpRequest, obj: object = None) -> list[type[admin.TabularInline]]:  # type: ignore[type-arg]  # noqa: ARG002
        # A schedule may be shared by ten thousand tasks: the list of tasks shows them page by page.
        return []


class IntervalScheduleAdmin(_Schedule, theirs.IntervalScheduleAdmin):  # type: ignore[misc]  # no types
    search_fields = ("every", "period")


class CrontabScheduleAdmin(_Schedule, theirs.CrontabScheduleAdmin):  # type: ignore[misc]  # no types
    search_fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_any_zone(super().get_queryset(request))


class SolarScheduleAdmin(_Schedule, theirs.SolarScheduleAdmin):  # type: ignore[misc]  # no types
    search_fields = ("event",)


class ClockedScheduleAdmin(_Schedule, theirs.ClockedScheduleAdmin):  # type: ignore[misc]  # no types
    search_fields = ("clocked_time",)


replace(models.IntervalSchedule, IntervalScheduleAdmin)
replace(models.CrontabSchedule, CrontabScheduleAdmin)
replace(models.SolarSchedule, SolarScheduleAdmin)
replace(models.ClockedSchedule, ClockedScheduleAdmin)
