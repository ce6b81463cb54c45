from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from djtaskq.db.fields import InstantField
from djtaskq_beat.policies import CatchUp, Overlap


class RunPolicy(models.Model):
    """How a periodic task runs where its schedule alone does not say; without a row, the defaults."""

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

    overlap = models.CharField(
        _("overlap"),
        max_length=10,
        choices=[
            (Overlap.ALLOW.value, _("run beside it")),
            (Overlap.SKIP.value, _("skip the slot")),
            (Overlap.REPLACE.value, _("stop it and run")),
        ],
        default=Overlap.ALLOW.value,
        help_text=_("What to do at a slot while the run before it has not ended."),
    )
    overlap_limit = models.PositiveIntegerField(
        _("run limit"),
        default=3600,
        validators=[MinValueValidator(1)],
        help_text=_("A run that has not reported its end after this many seconds counts as ended."),
    )
    jitter = models.PositiveIntegerField(
        _("jitter"),
        default=0,
        help_text=_(
            "Publish up to this many seconds after the slot, so that schedules of one time spread out; the "
            "same delay at every slot."
        ),
    )
    paused_until = InstantField(
        _("paused until"), null=True, blank=True, help_text=_("Until then, slots are skipped.")
    )
    late_after = models.PositiveIntegerField(
        _("late after"),
        null=True,
        blank=True,
        help_text=_("Alert if a run is published this many seconds late; empty for the setting."),
    )
    overdue_after = models.PositiveIntegerField(
        _("too long after"),
        null=True,
        blank=True,
        help_text=_("Alert if a run has not ended after this many seconds; empty for the setting."),
    )
    failures = models.PositiveIntegerField(
        _("failures"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Alert after this many failures in a row; empty for the setting."),
    )

    class Meta:
        verbose_name = _("run policy")
        verbose_name_plural = _("run policies")

    def __str__(self) -> str:
        return str(self.get_catch_up_display())
