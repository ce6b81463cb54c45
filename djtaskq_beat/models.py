"""What django-celery-beat's tables lack: when each schedule runs next, and what became of each slot.

No table here has a foreign key that the database knows: rows of django-celery-beat are deleted by code that
has never heard of these, and must be.
"""

import datetime as dt

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from djtaskq.db.fields import InstantField
from djtaskq_beat.policies import CatchUp, Policy
from djtaskq_beat.querysets import NextRunQuerySet, TaskRunQuerySet


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
    trigger = models.CharField(_("trigger"), max_length=10, choices=Trigger.choices, default=Trigger.SCHEDULE)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    reason = models.TextField(_("reason"), default="")
    task_id = models.UUIDField(_("task id"), null=True)
    claimed_at = InstantField(_("claimed at"))
    claimed_by = models.CharField(_("claimed by"), max_length=255, help_text=_("The beat, as host:process."))
    published_at = InstantField(_("published at"), null=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    retry_at = InstantField(
        _("retry at"),
        null=True,
        help_text=_("When any beat may publish it again; empty once nothing is left to publish."),
    )

    objects = TaskRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints = [
            # Also serves the history of one schedule, newest first.
            models.UniqueConstraint(fields=["periodic_task", "slot"], name="djtaskq_one_run_per_slot")
        ]
        indexes = [models.Index(fields=["retry_at"], name="djtaskq_run_retry_at")]

    def __str__(self) -> str:
        return f"{self.name} {self.slot:%Y-%m-%d %H:%M:%S}"

    @property
    def lateness(self) -> dt.timedelta | None:
        """How long after its slot it was published."""
        return None if self.published_at is None else max(self.published_at - self.slot, dt.timedelta())


class RunPolicy(models.Model):
    """How a periodic task makes up for slots that passed while no beat ran; without a row, the defaults."""

    periodic_task = models.OneToOneField(
        PeriodicTask,
        on_delete=models.CASCADE,
        primary_key=True,
        db_constraint=False,
        related_name="run_policy",
        verbose_name=_("periodic task"),
    )
    catch_up = models.CharField(
        _("catch up"),
        max_length=10,
        choices=[
            (CatchUp.LATEST.value, _("run the latest slot that passed")),
            (CatchUp.ALL.value, _("run every slot that passed")),
            (CatchUp.SKIP.value, _("run none of them")),
        ],
        default=CatchUp.LATEST.value,
        help_text=_("What to do with the slots that passed while no beat ran."),
    )
    catch_up_limit = models.PositiveIntegerField(
        _("limit"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("Run at most this many of them, the latest ones, where every slot is to run."),
    )
    catch_up_window = models.PositiveIntegerField(
        _("window"),
        null=True,
        blank=True,
        help_text=_("Run no slot that is older than this many seconds; empty for no such bound."),
    )

    class Meta:
        verbose_name = _("run policy")
        verbose_name_plural = _("run policies")

    def __str__(self) -> str:
        return str(self.get_catch_up_display())

    def as_policy(self) -> Policy:
        return policy_of(self.catch_up, self.catch_up_limit, self.catch_up_window)


def policy_of(catch_up: str | None, limit: int | None, window: int | None) -> Policy:
    """The policy in a row's columns, which are None where there is no row."""
    if catch_up is None or limit is None:
        return Policy()
    return Policy(
        catch_up=CatchUp(catch_up),
        limit=limit,
        window=None if window is None else dt.timedelta(seconds=window),
    )
