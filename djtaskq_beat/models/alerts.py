from django.db import models
from django.utils.translation import gettext_lazy as _

from djtaskq.db.fields import InstantField
from djtaskq_beat.models.runs import TaskRun


class Alert(models.Model):
    """Something about a run that a person should hear of; the unique key says it once, whoever finds it."""

    class Kind(models.TextChoices):
        MISSED = "missed", _("missed")
        LATE = "late", _("late")
        FAILED = "failed", _("failed")
        OVERDUE = "overdue", _("overdue")

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    run = models.ForeignKey(
        TaskRun, on_delete=models.CASCADE, db_constraint=False, related_name="alerts", verbose_name=_("run")
    )
    text = models.TextField(_("text"))
    raised_at = InstantField(_("raised at"))
    sent_at = InstantField(_("sent at"), null=True)
    send_at = InstantField(
        _("send at"), null=True, help_text=_("When any beat may send it; empty once it is sent.")
    )

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [models.UniqueConstraint(fields=["run", "kind"], name="djtaskq_one_alert_per_run")]
        indexes = [models.Index(fields=["send_at"], name="djtaskq_alert_send_at")]

    def __str__(self) -> str:
        return self.text
