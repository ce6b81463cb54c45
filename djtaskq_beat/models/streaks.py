from django.db import models
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask


class FailureStreak(models.Model):
    """How many runs of a periodic task failed, one after the other, since the last that succeeded.

    Counted in the order in which beat heard of them. There is no row for most: the first failure makes it.
    """

    periodic_task = models.OneToOneField(
        PeriodicTask,
        on_delete=models.CASCADE,
        primary_key=True,
        db_constraint=False,
        related_name="failure_streak",
        verbose_name=_("periodic task"),
    )
    failures = models.PositiveIntegerField(_("failures"), default=0)

    class Meta:
        verbose_name = _("failures in a row")
        verbose_name_plural = _("failures in a row")

    def __str__(self) -> str:
        return f"{self.periodic_task_id}: {self.failures}"
