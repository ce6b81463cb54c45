import datetime as dt

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from djtaskq.db.fields import InstantField
from djtaskq_beat.querysets import TaskRunQuerySet


class TaskRun(models.Model):
    """What became of one slot; the unique key on it decides who runs it."""

    class State(models.TextChoices):
        CLAIMED = "claimed", _("claimed")
        PUBLISHED = "published", _("published")
        SKIPPED = "skipped", _("skipped")
        MISSED = "missed", _("missed")

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", _("by its schedule")
        MANUAL = "manual", _("by hand")
        BACKFILL = "backfill", _("by backfill")

    id = models.BigAutoField(primary_key=True)
    # DO_NOTHING keeps the history of a schedule that is deleted, readable through `name`; keys of
    # django-celery-beat's rows are never given out again.
    periodic_task = models.ForeignKey(
        PeriodicTask,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="task_runs",
        verbose_name=_("periodic task"),
    )
    name = models.CharField(_("name"), max_length=200)
    slot: "models.Field[dt.datetime, dt.datetime]" = InstantField(_("slot"))  # type: ignore[assignment]  # never null
    through = InstantField(
        _("through"),
        null=True,
        help_text=_("The last slot that this row stands for, if it stands for several that were missed."),
    )
    due_at = InstantField(
        _("due at"), null=True, help_text=_("The slot and its jitter; empty where there is none.")
    )
    trigger = models.CharField(_("trigger"), max_length=10, choices=Trigger.choices, default=Trigger.SCHEDULE)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    reason = models.TextField(_("reason"), default="")
    task_id = models.UUIDField(_("task id"), null=True)
    claimed_at: "models.Field[dt.datetime, dt.datetime]" = InstantField(_("claimed at"))  # type: ignore[assignment]
    claimed_by = models.CharField(_("claimed by"), max_length=255, help_text=_("The beat, as host:process."))
    published_at = InstantField(_("published at"), null=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    retry_at = InstantField(
        _("retry at"),
        null=True,
        help_text=_("When any beat may publish it again; empty once nothing is left to publish."),
    )
    outcome = models.CharField(
        _("outcome"), max_length=50, default="", help_text=_("The state that its task ended in.")
    )
    finished_at = InstantField(_("finished at"), null=True)
    runtime = models.FloatField(_("runtime"), null=True, help_text=_("In seconds."))
    follow_at = InstantField(
        _("follow at"),
        null=True,
        help_text=_("When any beat asks again how its task ended; empty once that is known or given up."),
    )

    objects = TaskRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints = [
            # Also serves the history of one schedule, newest first.
            models.UniqueConstraint(fields=["periodic_task", "slot"], name="djtaskq_one_run_per_slot")
        ]
        indexes = [
            models.Index(fields=["retry_at"], name="djtaskq_run_retry_at"),
            models.Index(fields=["follow_at"], name="djtaskq_run_follow_at"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.slot:%Y-%m-%d %H:%M:%S}"

    @property
    def lateness(self) -> dt.timedelta | None:
        """How long after its slot, and the jitter that its policy adds, it was published."""
        if self.published_at is None:
            return None
        return max(self.published_at - (self.due_at or self.slot), dt.timedelta())
