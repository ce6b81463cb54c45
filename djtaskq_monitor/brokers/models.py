"""The queues that wait in the broker, as it told when it was asked last."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from djtaskq.db.fields import InstantField
from djtaskq_monitor.recording.events import NAME_LENGTH


class QueueState(models.Model):
    """One queue. What the broker does not tell is NULL, and is not the same as none.

    `length` counts the messages that wait, `unacked` those that workers hold, `consumers` who takes from it.
    `oldest` is when the message at its head was sent. `problem` says why the broker did not answer, and the
    figures are then those of `told`, when it last did.
    """

    name = models.CharField(_("name"), max_length=NAME_LENGTH, unique=True)
    length = models.BigIntegerField(_("messages"), null=True)
    unacked = models.BigIntegerField(_("unacknowledged"), null=True)
    consumers = models.IntegerField(_("consumers"), null=True)
    oldest = InstantField(_("oldest message"), null=True)
    told = InstantField(_("told"), null=True)
    asked = InstantField(_("asked"), null=True)
    problem = models.TextField(_("problem"), default="", blank=True)

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        ordering = ["name"]
        permissions = (
            ("peek_queue", _("Can read waiting messages")),
            ("purge_queue", _("Can purge queues")),
        )

    def __str__(self) -> str:
        return self.name


class QueueSample(models.Model):
    """The most messages that waited in a queue during one minute that begins at `at`."""

    queue = models.ForeignKey(QueueState, models.CASCADE, db_index=False, related_name="samples")
    at = InstantField(_("minute"))
    length = models.BigIntegerField(_("messages"))

    class Meta:
        verbose_name = _("length of a queue")
        verbose_name_plural = _("lengths of queues")
        constraints = [models.UniqueConstraint(fields=["queue", "at"], name="djtaskq_monitor_queue_minute")]
        indexes = [models.Index(fields=["at"], name="djtaskq_monitor_queue_at")]

    def __str__(self) -> str:
        return f"{self.at} {self.length}"
