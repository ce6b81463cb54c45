from django.db import models
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from djtaskq.db.fields import InstantField
from djtaskq_beat.querysets import NextRunQuerySet


class NextRun(models.Model):
    """When a periodic task is to be looked at next; one row for each that was ever enabled."""

    periodic_task = models.OneToOneField(
        PeriodicTask,
        on_delete=models.CASCADE,
        primary_key=True,
        db_constraint=False,
        related_name="next_run",
        verbose_name=_("periodic task"),
    )
    slot = InstantField(_("slot"), null=True, help_text=_("The instant at which it is due next."))
    run_at = InstantField(
        _("runs at"),
        null=True,
        help_text=_("When beat looks at it next: the slot, or at once if it has changed; empty for never."),
    )
    held_until = InstantField(
        _("held until"), null=True, help_text=_("While its policy pauses it: slots before this do not run.")
    )
    anchor = InstantField(_("anchor"), null=True, help_text=_("Where the grid of an interval begins."))
    last_slot = InstantField(_("last slot"), null=True, help_text=_("The slot that was claimed last."))
    changed_at = InstantField(
        _("changed at"), null=True, help_text=_("When its schedule was changed, until it is planned anew.")
    )
    planned_from = models.TextField(
        _("planned from"), default="", help_text=_("The schedule that the slot was computed from.")
    )
    error = models.TextField(
        _("error"), default="", help_text=_("Why it cannot be scheduled; empty if it can.")
    )

    objects = NextRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("next run")
        verbose_name_plural = _("next runs")
        indexes = [models.Index(fields=["run_at"], name="djtaskq_next_run_at")]

    def __str__(self) -> str:
        return f"{self.periodic_task_id}: {self.slot}"
