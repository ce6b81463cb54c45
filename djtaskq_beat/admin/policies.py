from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from djtaskq.db.fields import InstantField
from djtaskq_beat.models import RunPolicy

if TYPE_CHECKING:
    _StackedInline = admin.StackedInline[RunPolicy, PeriodicTask]
else:  # generic for the type checker alone
    _StackedInline = admin.StackedInline


class RunPolicyInline(_StackedInline):
    """The policy on the page of its periodic task; without a row of it, the defaults hold."""

    model = RunPolicy
    extra = 1
    classes = ("collapse",)
    max_num = 1
    fieldsets = (
        (_("After downtime"), {"fields": (("catch_up", "catch_up_limit", "catch_up_window"),)}),
        (_("While the run before it goes on"), {"fields": (("overlap", "overlap_limit"),)}),
        (_("When it runs"), {"fields": ("jitter", "paused_until")}),
        (_("Alerts"), {"fields": (("late_after", "overdue_after", "failures"),)}),
    )
    formfield_overrides: ClassVar[dict[Any, Any]] = {
        InstantField: {"form_class": forms.SplitDateTimeField, "widget": AdminSplitDateTime}
    }
