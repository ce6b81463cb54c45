"""The camera for `celery -A proj events --camera=djtaskq_monitor.camera.Camera --frequency=1.0`."""

import logging
import signal
import socket
import threading
import time
from typing import Any

from celery.events.snapshot import Polaroid
from django.db import DatabaseError, InterfaceError, connections, router

from djtaskq.conf import conf
from djtaskq_monitor import bootstrap  # noqa: F401  before the models, which need Django's apps
from djtaskq_monitor.brokers.watching import Watch
from djtaskq_monitor.models import TaskState
from djtaskq_monitor.recording import expiry, snapshot, store
from djtaskq_monitor.recording.absence import Absence
from djtaskq_monitor.recording.gaps import Gaps
from djtaskq_monitor.recording.journal import Journal
from djtaskq_monitor.recording.missed import Missed
from djtaskq_monitor.recording.receipts import Receipts
from djtaskq_monitor.recording.receiver import Receiver, queue_name
from djtaskq_monitor.recording.recorder import Recorder
from djtaskq_monitor.statistics.folding import Folder

# The stubs know of less than there is.
_Polaroid: Any = Polaroid
logger = logging.getLogger(__name__)

SHORTEST_PERIOD = 0.05
# Rows deleted in one go; the next go comes after a write, so that none has to wait for long.
DELETED_PER_CLEANUP = 10_000
# Tasks that are held by a write at once: room for others comes with each such part.
TASKS_PER_WRITE = 20_000
_PAUSE_AT_THE_END = 0.25
_BETWEEN_HURRIED_WRITES = 1.0


class Camera(_Polaroid):  # type: ignore[misc]  # see above
    """Records every event as it arrives, and writes what changed each `freq` seconds.

    Celery's command makes a camera, then a receiver that feeds a `State`. This camera chooses the receiver's
    class before that: its events go to a recorder, and the `State` stays empty.
    """

    def __init__(
        self,
        state: Any,
        freq: float = 1.0,
        maxrate: str | None = None,
        cleanup_freq: float = 3600.0,
        timer: Any = None,
        app: Any = None,
    ) -> None:
        super().__init__(state, max(freq, SHORTEST_PERIOD), maxrate, cleanup_freq, timer, app)
        self.host = socket.gethostname()
        self.recorder = Recorder(conf().MONITOR_MAX_PENDING)
        self.receipts = Receipts()
        self.missed = Missed()
        self.journal = Journal(self.recorder, host=self.host, queue=queue_name(self.host), freq=self.freq)
        self.absence: Absence | None = None
        self.gaps: Gaps | None = None
        self.folder = Folder()
        self.queues = Watch(self.app)
        self.receiver: Receiver | None = None
        self._writing = threading.Lock()
        self._told_to_stop = False
        self._dropped = 0
        self._hurry_at = 0.0
        self._finished = self._closed = False
        self._seen_in_state = 0
        self._signals: dict[int, Any] = {}

    def install(self) -> None:
        driver = self.app.connection_for_read().transport.driver_type
        self.absence = Absence(self.journal, driver)
        self.gaps = Gaps(self.journal, self.missed, driver)
        for each in (self.absence, self.gaps):
            each.look_back(using=router.db_for_write(TaskState))
        self.app.events.Receiver = self._make_receiver
        self._handle_signals()
        super().install()
        # However long the period is, the camera is seen, and old rows go, from the start.
        self.timer.call_after(0, self.capture)
        self.timer.call_after(0, self.cleanup)
        self.queues.start()

    def _make_receiver(self, *args: Any, **kwargs: Any) -> Receiver:
        made = self.app.subclass_with_self(
            Receiver,
            reverse="events.Receiver",
            recorder=self.recorder,
            receipts=self.receipts,
            missed=self.missed,
            was_away=self.journal.was_away,
            hurry=self.hurry,
            finish=self.finish,
            host=self.host,
        )
        self.receiver = made(*args, **kwargs)
        return self.receiver

    def _handle_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._signals[number] = signal.signal(number, self._stop)

    def _stop(self, _number: int, _frame: Any) -> None:
        """Let the receiver finish what it is at; at once where it takes nothing, and when told twice."""
        told_before, self._told_to_stop = self._told_to_stop, True
        if self.receiver is not None:
            self.receiver.stop()
            if self.receiver.taking and not told_before:
                return
        raise SystemExit

    def capture(self) -> None:
        """Write what came since the last time, unless `maxrate` says that it is too early."""
        # Celery holds the State's lock here, and with it every event; there is nothing in it to be held.
        self.shutter()

    def on_shutter(self, state: Any) -> None:
        if state is not None and state.event_count != self._seen_in_state:
            self._seen_in_state = state.event_count
            for reading in snapshot.readings(state):
                self.recorder.record(reading)
        self.flush()
        self.folder.after_write(using=router.db_for_write(TaskState))

    def flush(self, *, stopped: bool = False) -> bool:
        """Write what is pending; whether nothing is left to be written."""
        using = router.db_for_write(TaskState)
        with self._writing:
            if self._closed:
                return True  # the timer's thread comes late
            written = self._write_pending(using)
            self._tell_of_drops()
            if self.absence is not None:
                self.absence.decide(using=using)
            if self.gaps is not None and written:
                self.gaps.count(using=using)
            done = written and not self.recorder.waiting
            return self.journal.write(using=using, stopped=stopped and done) and done

    def _write_pending(self, using: str) -> bool:
        """Write what is pending by now, the oldest first; whether all of that is in the database."""
        mark = self.receipts.mark()
        tasks_left = self.recorder.tasks_waiting
        while True:
            pending = self.recorder.swap(TASKS_PER_WRITE)
            taken = len(pending.tasks)
            try:
                held = len(pending)
                pending, set_aside = store.write(pending, using=using, failed=self.journal.failed)
                self.journal.set_aside += set_aside
                self.journal.written += held - len(pending) - set_aside
            finally:
                # Whatever happened: written twice is written once.
                self.recorder.put_back(pending)
            if pending:
                return False
            tasks_left -= taken
            if tasks_left <= 0 or taken < TASKS_PER_WRITE:
                self.receipts.settle(mark)
                self._hurry_at = 0.0
                return True

    def hurry(self) -> None:
        """Write soon, and not when the period is over: half of what may wait is waiting."""
        now = time.monotonic()
        if now >= self._hurry_at:
            # The next one no sooner, unless this one succeeds.
            self._hurry_at = now + _BETWEEN_HURRIED_WRITES
            self.timer.call_after(0, self.capture)

    def _tell_of_drops(self) -> None:
        dropped = self.recorder.dropped
        if dropped > self._dropped:
            logger.error(
                "%d tasks lost their details, or were dropped, since more than %d wait for the database",
                dropped - self._dropped,
                self.recorder.limit,
            )
            self._dropped = dropped

    def on_cleanup(self) -> None:
        using = router.db_for_write(TaskState)
        try:
            self.journal.forget_old_runs(using=using)
            deleted = expiry.expire(self.app, using=using, most=DELETED_PER_CLEANUP)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Nothing was deleted this time: %s", error)
            return
        if deleted >= DELETED_PER_CLEANUP:
            self.timer.call_after(self.freq, self.cleanup)

    def finish(self) -> None:
        """Write what is left, for as long as that is allowed to take; once."""
        if self._finished:
            return
        self._finished = True
        for entry in (self._tref, self._ctref):
            if entry is not None:
                entry.cancel()
        deadline = time.monotonic() + conf().MONITOR_STOP_SECONDS
        while not self.flush(stopped=True):
            if time.monotonic() > deadline:
                self._tell_of_the_rest()
                break
            time.sleep(_PAUSE_AT_THE_END)
        with self._writing:
            self._closed = True

    def _tell_of_the_rest(self) -> None:
        waiting = self.recorder.waiting
        if waiting and self.receiver is not None and self.receiver.keeping:
            logger.warning(
                "The changes of %d tasks and workers could not be written: their events stay with the broker",
                waiting,
            )
        elif waiting:
            logger.error("The changes of %d tasks and workers could not be written, and are lost", waiting)

    def cancel(self) -> None:
        """Write what is left, and leave everything as it was."""
        self.finish()
        self.queues.stop()
        connections.close_all()
        del self.app.events.Receiver
        for number, handler in self._signals.items():
            signal.signal(number, handler)
