"""The columns of the list of periodic tasks, filled for one page at a time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.contrib import admin
from django.db import router
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat import admin as theirs
from django_celery_beat.models import PeriodicTask

from djtaskq.admin import widgets
from djtaskq_beat.admin.sorting import LATENESS, OUTCOME
from djtaskq_beat.admin.words import in_words
from djtaskq_beat.models import NextRun
from djtaskq_beat.policies import ON_TIME
from djtaskq_beat.queries import PastRun, last_run_of_each
from djtaskq_beat.rows import Row, read


def fill(tasks: Sequence[Any]) -> None:
    """Read what the columns show beside the tasks themselves: four statements, however many tasks."""
    pks = [task.pk for task in tasks]
    rows = read(router.db_for_read(PeriodicTask), pks)
    planned = NextRun.objects.in_bulk(pks)
    runs = last_run_of_each(tasks)
    for task in tasks:
        task.plain_row = rows.get(task.pk)
        task.planned = planned.get(task.pk)
        task.past_run = runs.get(task.pk)


def exact(field: str, description: Any) -> Any:
    """A column of an instant to the second, with its zone."""

    @admin.display(description=description)
    def show(_admin: Any, row: Any) -> str:
        return widgets.exactly(getattr(row, field))

    return show


class _Named(NamedTuple):
    """As much of a task as its checkbox needs: to name it in full, a task reads its schedule."""

    pk: int
    name: str

    def __str__(self) -> str:
        return self.name


class Columns(theirs.PeriodicTaskAdmin):  # type: ignore[misc]  # django-celery-beat has no types
    """What a list of periodic tasks says of each; a part of its admin class."""

    @admin.display(description=getattr(admin.ModelAdmin.action_checkbox, "short_description", ""))
    def action_checkbox(self, obj: PeriodicTask) -> SafeString:
        checkbox: SafeString = super().action_checkbox(_Named(obj.pk, obj.name))
        return checkbox

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def name_and_schedule(self, task: PeriodicTask) -> SafeString:
        row: Row | None = getattr(task, "plain_row", None)
        return widgets.stacked(task.name, in_words(row) if row is not None else "")

    @admin.display(description=gettext_lazy("next run"), ordering="next_run__run_at")
    def next_run_at(self, task: PeriodicTask) -> SafeString | str:
        known: NextRun | None = getattr(task, "planned", None)
        if known is None or not task.enabled:
            return widgets.DASH
        if known.error:
            return widgets.badge("bad", "✗", _("set aside"), known.error)
        row: Row | None = getattr(task, "plain_row", None)
        now = timezone.now()
        if row is not None and row.run_policy_paused_until and row.run_policy_paused_until > now:
            until = widgets.exactly(row.run_policy_paused_until)
            return widgets.badge("ended", "‖", _("paused"), _("until %s") % until)
        if known.run_at is not None and known.slot is not None and known.run_at < now - ON_TIME:
            return format_html(
                "{}<br>{}", widgets.badge("bad", "!", _("overdue")), widgets.when(known.slot, now)
            )
        return widgets.when(known.slot, now)

    @admin.display(description=gettext_lazy("last run"), ordering=OUTCOME)
    def last_outcome(self, task: PeriodicTask) -> SafeString | str:
        past = _past(task)
        if past is None:
            return widgets.DASH
        return format_html("{}<br>{}", widgets.state_badge(past.state), widgets.when(past.record.slot))

    @admin.display(description=gettext_lazy("late by"), ordering=LATENESS)
    def lateness(self, task: PeriodicTask) -> str:
        past = _past(task)
        return widgets.duration(past.late) if past is not None else widgets.DASH


def _past(task: PeriodicTask) -> PastRun | None:
    past: PastRun | None = getattr(task, "past_run", None)
    return past
