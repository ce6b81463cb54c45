from django.db import models
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from djtaskq.db.fields import InstantField
from djtaskq_beat.models.runs import TaskRun


class LatestRun(models.Model):
    """Which run of a periodic task has the latest slot: what a list of all of them is sorted by.

    Noted by a chore of beat some seconds after the run was claimed; see `latest.LatestRuns`.
    """

    periodic_task = models.OneToOneField(
        PeriodicTask,
        on_delete=models.CASCADE,
        primary_key=True,
        db_constraint=False,
        related_name="latest_run",
        verbose_name=_("periodic task"),
    )
    run = models.ForeignKey(
        TaskRun, on_delete=models.CASCADE, db_constraint=False, related_name="+", verbose_name=_("run")
    )
    slot = InstantField(_("slot"))

    class Meta:
        verbose_name = _("latest run")
        verbose_name_plural = _("latest runs")

    def __str__(self) -> str:
        return f"{self.periodic_task_id}: {self.slot}"
