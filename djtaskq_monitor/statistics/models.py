"""The tables of what was counted."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from djtaskq.db.fields import InstantField


class Series(models.Model):
    """A task name, a queue and a worker that are counted together; empty where nobody knows it."""

    name = models.CharField(_("task name"), max_length=255)
    queue = models.CharField(_("queue"), max_length=255)
    worker = models.CharField(_("worker"), max_length=255)
    # Of all three: together they are longer than an index on MySQL may be.
    digest = models.CharField(max_length=32, unique=True, editable=False)

    class Meta:
        verbose_name = _("series of statistics")
        verbose_name_plural = _("series of statistics")

    def __str__(self) -> str:
        return " ".join(filter(None, (self.name, self.queue, self.worker)))


class TaskStatistics(models.Model):
    """How many tasks reached each state in one minute, hour or day that begins at `at`.

    `runtime` and `wait` are sums in microseconds; `runtimes` and `waits` are histograms as
    `histogram.Histogram` writes them.
    """

    MINUTE, HOUR, DAY = 60, 3_600, 86_400

    resolution = models.IntegerField(_("seconds"))
    at = InstantField(_("from"))
    # The database refuses to let go of a series that somebody has just begun to count in again.
    series = models.ForeignKey(Series, models.DO_NOTHING, db_index=False, related_name="statistics")
    sent = models.BigIntegerField(_("sent"), default=0)
    received = models.BigIntegerField(_("received"), default=0)
    started = models.BigIntegerField(_("started"), default=0)
    succeeded = models.BigIntegerField(_("succeeded"), default=0)
    failed = models.BigIntegerField(_("failed"), default=0)
    retried = models.BigIntegerField(_("retried"), default=0)
    revoked = models.BigIntegerField(_("revoked"), default=0)
    rejected = models.BigIntegerField(_("rejected"), default=0)
    cancelled = models.BigIntegerField(_("cancelled"), default=0)
    runtime = models.BigIntegerField(_("runtime"), default=0)
    wait = models.BigIntegerField(_("wait in the queue"), default=0)
    runtimes = models.TextField(default="")
    waits = models.TextField(default="")

    class Meta:
        verbose_name = _("statistics")
        verbose_name_plural = _("statistics")
        indexes = [models.Index(fields=["series", "resolution", "at"], name="djtaskq_monitor_stats_series")]
        constraints = [
            models.UniqueConstraint(
                fields=["resolution", "at", "series"], name="djtaskq_monitor_statistics_of"
            )
        ]

    def __str__(self) -> str:
        return f"{self.at} {self.resolution} s"


class FreshStatistics(models.Model):
    """What one write of a camera counted: `tally.Tally` as text, until it is folded into `TaskStatistics`.

    Rows are added and taken away, never changed: cameras that count at once do not wait for each other.
    """

    body = models.TextField()

    class Meta:
        verbose_name = _("statistics not yet summed up")
        verbose_name_plural = _("statistics not yet summed up")

    def __str__(self) -> str:
        return str(self.pk)


class TaskCounter(models.Model):
    """What was counted of one task name since this row began, for metrics: what it shows never falls.

    Told apart by queue, by worker, or by queue and exception, as `kind` says. `counted` is a cell as text, in
    which a task that moves to another label is taken away again; `shown` is the most that it ever was.
    """

    QUEUE, WORKER, EXCEPTION = "queue", "worker", "exception"

    # Of all that follows: together it is longer than an index on MySQL may be.
    digest = models.CharField(max_length=32, unique=True, editable=False)
    kind = models.CharField(max_length=9)
    name = models.CharField(_("task name"), max_length=255)
    label = models.CharField(_("queue or worker"), max_length=255)
    exception = models.CharField(_("exception"), max_length=255)
    counted = models.TextField(default="")
    shown = models.TextField(default="")
    at = InstantField(_("last counted"))

    class Meta:
        verbose_name = _("counter")
        verbose_name_plural = _("counters")

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.name, self.label, self.exception)))
