from django.db import models
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from djtaskq.db.fields import InstantField


class Beat(models.Model):
    """A beat as it reports itself; one that is killed says no more, and its row is all that is left."""

    name = models.CharField(
        _("name"), max_length=255, primary_key=True, help_text=_("As in the runs it claims: host:process.")
    )
    hostname = models.CharField(_("host"), max_length=255)
    pid = models.PositiveIntegerField(_("process"))
    version = models.CharField(_("version"), max_length=50, default="")
    started_at = InstantField(_("started at"))
    seen_at = InstantField(_("last tick"))
    stopped_at = InstantField(
        _("stopped at"), null=True, help_text=_("When it said goodbye; empty for one that has not.")
    )
    claimed = models.BigIntegerField(_("claimed"), default=0)
    published = models.BigIntegerField(_("published"), default=0)
    problem = models.TextField(_("problem"), default="", help_text=_("What keeps it from its work."))
    declaration = models.CharField(
        _("declaration"), max_length=64, default="", help_text=_("The digest of its beat_schedule.")
    )

    class Meta:
        verbose_name = _("beat")
        verbose_name_plural = _("beats")
        indexes = [models.Index(fields=["seen_at"], name="djtaskq_beat_seen_at")]

    def __str__(self) -> str:
        return self.name


class Declaration(models.Model):
    """One release's `beat_schedule`; the one that was declared last says what the rows are to say."""

    digest = models.CharField(_("digest"), max_length=64, primary_key=True)
    declared_at = InstantField(_("declared at"))
    declared_by = models.CharField(_("declared by"), max_length=255)

    class Meta:
        verbose_name = _("declaration")
        verbose_name_plural = _("declarations")

    def __str__(self) -> str:
        return self.digest[:12]


class DeclaredTask(models.Model):
    """A periodic task that comes from `beat_schedule`."""

    periodic_task = models.OneToOneField(
        PeriodicTask,
        on_delete=models.CASCADE,
        primary_key=True,
        db_constraint=False,
        related_name="declared_task",
        verbose_name=_("periodic task"),
    )
    keep_edits = models.BooleanField(
        _("keep edits"),
        default=False,
        help_text=_("What people change here stays, whatever the settings' beat_schedule says."),
    )
    removed_at = InstantField(
        _("removed at"), null=True, help_text=_("When it was disabled since the settings have it no more.")
    )

    class Meta:
        verbose_name = _("declared task")
        verbose_name_plural = _("declared tasks")

    def __str__(self) -> str:
        return str(self.periodic_task_id)
