"""What a beat does with alerts that were raised: tell those who listen, and have them delivered."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

from djtaskq.db.claims import claim, writing
from djtaskq.db.clock import DatabaseNow
from djtaskq_beat import alerts as signals
from djtaskq_beat.alerting.delivery import channels
from djtaskq_beat.alerting.digest import digest_of
from djtaskq_beat.models import Alert, TaskRun
from djtaskq_beat.querysets import from_now

SECONDS = 5.0
MOST = 500
TASK = "djtaskq_beat.tasks.deliver_alert"
# For so long an alert is in the hands of the beat that took it.
_LEASE_SECONDS = 60
# Receivers are somebody else's code: what they do not get in this time they get at the next step.
_RECEIVERS_SECONDS = 0.25
_SIGNALS = {
    Alert.Kind.MISSED: signals.run_missed,
    Alert.Kind.LATE: signals.run_late,
    Alert.Kind.FAILED: signals.run_failed,
    Alert.Kind.OVERDUE: signals.run_overdue,
}
# Sends a task of that name with these arguments; False where the broker is away.
Send = Callable[[str, list[Any]], bool]


@dataclasses.dataclass(slots=True)
class _Batch:
    """Alerts in this beat's hands: those whose receivers are still to be told, the ways still to be gone."""

    taken: list[int]
    untold: list[tuple[Alert, TaskRun]]
    channels: list[str]
    digest: Mapping[str, Any]


class Sender:
    """Sends alerts in batches; however many there are, a batch is one mail and one POST.

    An alert is in the hands of one beat at a time, and stamped as sent when that beat is done with its batch.
    One that is killed before leaves the batch to another, which sends it once more.
    """

    def __init__(self, send: Send, *, using: str) -> None:
        self._send = send
        self._using = using
        self._batch: _Batch | None = None

    def work(self) -> bool:
        """Do a piece; returns whether there is more at once. One statement where no alert waits."""
        if self._batch is None:
            self._batch = self._taken()
            if self._batch is None:
                return False
        batch = self._batch
        self._tell(batch)
        if batch.untold or not self._delivered(batch):
            self._alerts(batch).update(send_at=from_now(_LEASE_SECONDS))
            return bool(batch.untold)
        self._alerts(batch).update(sent_at=DatabaseNow(), send_at=None)
        self._batch = None
        return True

    def _alerts(self, batch: _Batch) -> Any:
        return Alert.objects.using(self._using).filter(pk__in=batch.taken, sent_at=None)

    def _taken(self) -> _Batch | None:
        due = Alert.objects.using(self._using).filter(send_at__lte=DatabaseNow())
        if not due.exists():
            return None
        with writing(self._using):
            alerts = claim(due.order_by("send_at"), MOST)
            taken = [alert.pk for alert in alerts]
            Alert.objects.using(self._using).filter(pk__in=taken).update(send_at=from_now(_LEASE_SECONDS))
        runs = TaskRun.objects.using(self._using).in_bulk([alert.run_id for alert in alerts])
        # A run may have been deleted since; then there is nothing to tell.
        known = [(alert, runs[alert.run_id]) for alert in alerts if alert.run_id in runs]
        return _Batch(taken, known, channels() if known else [], digest_of(known))

    def _tell(self, batch: _Batch) -> None:
        deadline = time.monotonic() + _RECEIVERS_SECONDS
        while batch.untold and time.monotonic() < deadline:
            alert, run = batch.untold.pop(0)
            # Django logs what a receiver raises, and goes on to the next.
            _SIGNALS[Alert.Kind(alert.kind)].send_robust(sender=TaskRun, run=run, alert=alert, name=run.name)

    def _delivered(self, batch: _Batch) -> bool:
        while batch.channels:
            if not self._send(TASK, [batch.channels[0], batch.digest]):
                return False
            batch.channels.pop(0)
        return True
