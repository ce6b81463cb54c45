"""What the camera knows of tasks, workers and of itself."""

import datetime as dt
from typing import Any

from celery import states
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from djtaskq.conf import conf
from djtaskq.db.fields import InstantField, to_microseconds
from djtaskq_monitor.api.models import ApiToken
from djtaskq_monitor.brokers.models import QueueSample, QueueState
from djtaskq_monitor.dashboard.models import Dashboard, SavedView, TaskName
from djtaskq_monitor.managers import TaskStateManager, WorkerStateManager
from djtaskq_monitor.recording.events import NAME_LENGTH, STATE_LENGTH
from djtaskq_monitor.recording.order import CANCELLED, ENDED_STATES, outcome
from djtaskq_monitor.recording.values import MICRO
from djtaskq_monitor.statistics.contributions import wait
from djtaskq_monitor.statistics.models import FreshStatistics, Series, TaskCounter, TaskStatistics

__all__ = [
    "ApiToken",
    "CameraState",
    "Dashboard",
    "FreshStatistics",
    "QueueSample",
    "QueueState",
    "SavedView",
    "Series",
    "TaskCounter",
    "TaskName",
    "TaskState",
    "TaskStatistics",
    "WorkerState",
]

TASK_STATES = sorted({*states.ALL_STATES, states.REJECTED, CANCELLED})
# A worker's beats may be late by one before it counts as lost.
BEATS_MISSED = 2
USUAL_FREQUENCY = 2.0
# Tasks that another one called, as the index by root has them: a root of its own is found by its id.
CALLED = models.Q(root_id__isnull=False) & ~models.Q(root_id=models.F("task_id"))


class WorkerState(models.Model):
    """One worker, by its node name, as its own events show it.

    `last_heartbeat` is when its last sign of life arrived, by the camera's clock. `clock_drift` is how far
    its clock is ahead of the camera's, in seconds, less the event's way.
    """

    ONLINE, OFFLINE, LOST = "online", "offline", "lost"

    hostname = models.CharField(_("hostname"), max_length=NAME_LENGTH, unique=True)
    last_heartbeat = models.DateTimeField(_("last heartbeat"), null=True)
    last_update = models.DateTimeField(_("last update"), auto_now=True)
    first_seen = InstantField(_("first seen"), null=True)
    offline_since = InstantField(_("offline since"), null=True)
    pid = models.IntegerField(_("process id"), null=True)
    freq = models.FloatField(_("seconds between heartbeats"), null=True)
    sw_ident = models.CharField(_("software"), max_length=STATE_LENGTH, null=True)  # noqa: DJ001  NULL is unknown
    sw_ver = models.CharField(_("version"), max_length=STATE_LENGTH, null=True)  # noqa: DJ001  NULL is unknown
    sw_sys = models.CharField(_("operating system"), max_length=STATE_LENGTH, null=True)  # noqa: DJ001  NULL is unknown
    clock_drift = models.FloatField(_("clock drift"), null=True)
    active = models.IntegerField(_("active"), null=True)
    processed = models.BigIntegerField(_("processed"), null=True)
    load_1 = models.FloatField(_("load, 1 min"), null=True)
    load_5 = models.FloatField(_("load, 5 min"), null=True)
    load_15 = models.FloatField(_("load, 15 min"), null=True)
    # One in each line. Events do not tell: it is as whoever asked the worker was answered.
    queues = models.TextField(_("queues"), null=True)  # noqa: DJ001  NULL is not known

    status_key = models.BigIntegerField(default=-1, editable=False)
    software_key = models.BigIntegerField(default=-1, editable=False)
    load_key = models.BigIntegerField(default=-1, editable=False)
    queues_key = models.BigIntegerField(default=-1, editable=False)

    objects = WorkerStateManager()

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        get_latest_by = "last_heartbeat"
        ordering = ["-last_heartbeat"]
        permissions = (("control_worker", _("Can control workers")),)

    def __str__(self) -> str:
        return self.hostname

    @property
    def heartbeat_timestamp(self) -> float | None:
        """`last_heartbeat` in seconds since the epoch."""
        return self.last_heartbeat.timestamp() if self.last_heartbeat else None

    @property
    def queue_names(self) -> list[str]:
        """The queues that the worker said that it takes tasks from; empty if nobody asked."""
        return (self.queues or "").splitlines()

    @property
    def loadavg(self) -> list[float]:
        """The load over 1, 5 and 15 minutes; empty if the worker told none."""
        return [load for load in (self.load_1, self.load_5, self.load_15) if load is not None]

    def status(self, now: dt.datetime | None = None) -> str:
        """`online`; `offline` if it said so; `lost` if it is silent for longer than its own rhythm."""
        if self.offline_since is not None:
            return self.OFFLINE
        if self.last_heartbeat is None:
            return self.LOST
        rhythm = BEATS_MISSED * (self.freq or USUAL_FREQUENCY) + conf().MONITOR_WORKER_GRACE
        age = ((now or timezone.now()) - self.last_heartbeat).total_seconds()
        return self.ONLINE if age <= rhythm else self.LOST

    def is_alive(self) -> bool:
        return self.status() == self.ONLINE


class TaskState(models.Model):
    """One task, by its id, as events show it; merged from any number of them, in any order.

    `tstamp` is the time of the latest event, `first_seen` that of the earliest; each state has its time, by
    the clock of who sent the event. `result` is the representation of the result, or of the exception where
    there is none, as django-celery-monitor has it. `runtime` is in seconds.

    Indexes are on what stays as it is while a task runs: PostgreSQL can then write the next state into the
    row's own page and leave every index alone. So lists are by `first_seen`, and `outcome` is the state of a
    task that has ended, NULL before.
    """

    state = models.CharField(
        _("state"), max_length=STATE_LENGTH, choices=[(state, state) for state in TASK_STATES]
    )
    task_id = models.CharField(_("task id"), max_length=255, unique=True)
    name = models.CharField(_("name"), max_length=NAME_LENGTH, null=True)  # noqa: DJ001  NULL is not known yet
    tstamp = models.DateTimeField(_("last event"))
    args = models.TextField(_("arguments"), null=True)  # noqa: DJ001  NULL is not known yet
    kwargs = models.TextField(_("keyword arguments"), null=True)  # noqa: DJ001  NULL is not known yet
    eta = models.DateTimeField(_("ETA"), null=True)
    expires = models.DateTimeField(_("expires"), null=True)
    result = models.TextField(_("result"), null=True)  # noqa: DJ001  NULL is no result
    traceback = models.TextField(_("traceback"), null=True)  # noqa: DJ001  NULL is no traceback
    runtime = models.FloatField(_("runtime"), null=True)
    retries = models.IntegerField(_("number of retries"), default=0)
    # By name, and without a promise of the database: events of tasks come before those of their worker, and
    # neither costs the other a look-up.
    worker = models.ForeignKey(
        WorkerState,
        models.DO_NOTHING,
        to_field="hostname",
        db_column="worker",
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="taskstate_set",
        verbose_name=_("worker"),
    )
    hidden = models.BooleanField(_("hidden"), default=False, editable=False)

    first_seen = InstantField(_("first event"), null=True)
    sent = InstantField(_("sent"), null=True)
    received = InstantField(_("received"), null=True)
    started = InstantField(_("started"), null=True)
    succeeded = InstantField(_("succeeded"), null=True)
    failed = InstantField(_("failed"), null=True)
    retried = InstantField(_("retried"), null=True)
    revoked = InstantField(_("revoked"), null=True)
    rejected = InstantField(_("rejected"), null=True)
    cancelled = InstantField(_("cancelled"), null=True)
    exception = models.TextField(_("exception"), null=True)  # noqa: DJ001  NULL is no exception
    client = models.CharField(_("client"), max_length=NAME_LENGTH, null=True)  # noqa: DJ001  NULL is not known
    queue = models.CharField(_("queue"), max_length=NAME_LENGTH, null=True)  # noqa: DJ001  NULL is not known
    exchange = models.CharField(_("exchange"), max_length=NAME_LENGTH, null=True)  # noqa: DJ001  NULL is not known
    routing_key = models.CharField(_("routing key"), max_length=NAME_LENGTH, null=True)  # noqa: DJ001  NULL is not known
    root_id = models.CharField(_("root id"), max_length=NAME_LENGTH, null=True)  # noqa: DJ001  NULL is not known
    parent_id = models.CharField(_("parent id"), max_length=NAME_LENGTH, null=True)  # noqa: DJ001  NULL is not known

    outcome = models.CharField(max_length=STATE_LENGTH, null=True, editable=False)  # noqa: DJ001  NULL: not ended
    # Earlier times of states that a task reached more than once; see `recording.repeats`.
    repeats = models.TextField(null=True, editable=False)  # noqa: DJ001  NULL is none
    # How often the row was written: whoever read it finds out whether it is still what was read.
    writes = models.IntegerField(default=1, editable=False)

    rank = models.BigIntegerField(default=-1, editable=False)
    described = models.BigIntegerField(default=-1, editable=False)
    result_key = models.BigIntegerField(default=-1, editable=False)
    error_key = models.BigIntegerField(default=-1, editable=False)

    objects = TaskStateManager()

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        get_latest_by = "tstamp"
        ordering = ["-first_seen"]
        indexes = [
            models.Index(fields=["first_seen"], name="djtaskq_monitor_task_seen"),
            models.Index(fields=["outcome", "first_seen"], name="djtaskq_monitor_task_outcome"),
            models.Index(fields=["name", "first_seen"], name="djtaskq_monitor_task_name"),
            models.Index(fields=["worker", "first_seen"], name="djtaskq_monitor_task_worker"),
            models.Index(fields=["root_id"], name="djtaskq_monitor_task_root", condition=CALLED),
        ]
        permissions = (
            ("revoke_task", _("Can revoke tasks")),
            ("terminate_task", _("Can terminate tasks")),
            ("run_task_again", _("Can run tasks again")),
        )

    def __str__(self) -> str:
        return f"{self.name or 'UNKNOWN'} ({self.task_id}) {self.state}"

    def save(self, **options: Any) -> None:
        """Of a row that somebody makes by hand: lists and the expiry go by what a camera would write."""
        if self.first_seen is None and self.tstamp is not None:
            self.first_seen = _aware(self.tstamp)
            self.outcome = outcome(self.state)
        super().save(**options)

    @property
    def ended(self) -> bool:
        return self.state in ENDED_STATES

    @property
    def wait(self) -> float | None:
        """How many seconds the last attempt that started had waited in its queue; None if nobody knows."""
        times = (self.sent, _aware(self.eta), self.started)
        sent, eta, started = (None if at is None else to_microseconds(at) for at in times)
        waited = wait(sent, eta, started, retries=self.retries)
        return None if waited is None else waited / MICRO

    @property
    def finished(self) -> dt.datetime | None:
        """When the state that ended the task was reached."""
        times: dict[str, Any] = {
            states.SUCCESS: self.succeeded,
            states.FAILURE: self.failed,
            states.REVOKED: self.revoked,
            states.REJECTED: self.rejected,
            CANCELLED: self.cancelled,
        }
        return times.get(self.state)


def _aware(value: dt.datetime | None) -> dt.datetime | None:
    return timezone.make_aware(value) if value is not None and timezone.is_naive(value) else value


class CameraState(models.Model):
    """One run of a camera, told by itself with each write.

    `received` and `rejected` count events, `written` rows, and `dropped` tasks that lost something for lack
    of memory. `set_aside` counts rows that the database refused for what was in them; `pending` is what waits
    to be written. `missed` counts tasks that workers started, by their own count, of which
    no event came; None if nobody can know. From `away_from` to `away_until` nobody took events, and the
    broker did not keep them.
    """

    host = models.CharField(_("host"), max_length=NAME_LENGTH)
    pid = models.IntegerField(_("process id"))
    queue = models.CharField(_("event queue"), max_length=NAME_LENGTH)
    freq = models.FloatField(_("seconds between writes"))
    started = InstantField(_("started"))
    stopped = InstantField(_("stopped"), null=True)
    last_write = InstantField(_("last write"), null=True)
    received = models.BigIntegerField(_("events received"), default=0)
    rejected = models.BigIntegerField(_("events rejected"), default=0)
    written = models.BigIntegerField(_("rows written"), default=0)
    dropped = models.BigIntegerField(_("dropped"), default=0)
    set_aside = models.BigIntegerField(_("rows set aside"), default=0)
    pending = models.BigIntegerField(_("rows waiting"), default=0)
    missed = models.BigIntegerField(_("tasks missed"), null=True)
    away_from = InstantField(_("away from"), null=True)
    away_until = InstantField(_("away until"), null=True)
    last_error = models.TextField(_("last error"), blank=True)
    last_error_at = InstantField(_("time of the last error"), null=True)

    class Meta:
        verbose_name = _("camera")
        verbose_name_plural = _("cameras")
        ordering = ["-last_write"]
        constraints = [
            models.UniqueConstraint(fields=["host", "pid", "started"], name="djtaskq_monitor_camera_run")
        ]

    def __str__(self) -> str:
        return f"{self.host} ({self.pid})"

    def running(self, now: dt.datetime | None = None) -> bool:
        """Whether it wrote as lately as a running camera does."""
        if self.stopped is not None or self.last_write is None:
            return False
        age = ((now or timezone.now()) - self.last_write).total_seconds()
        return age <= BEATS_MISSED * self.freq + conf().MONITOR_WORKER_GRACE
