"""A thread beside the camera that asks the broker for its queues, and workers which of them they take from.

It has connections of its own to the broker and to the database, and nothing waits for it: events are taken
and written whether it gets answers or not.
"""

import datetime as dt
import logging
import threading
import time

from celery import Celery
from django.db import DatabaseError, InterfaceError, connections, router
from django.utils import timezone

from djtaskq.conf import conf
from djtaskq.db.retry import Cause, cause, discard
from djtaskq.errors import DjtaskqError
from djtaskq_monitor.brokers import expiry, names, writing
from djtaskq_monitor.brokers.broker import Broker
from djtaskq_monitor.brokers.choosing import broker_of
from djtaskq_monitor.brokers.figures import BrokerAway, BrokerRefuses
from djtaskq_monitor.brokers.workers import Workers
from djtaskq_monitor.control.asking import ControlError
from djtaskq_monitor.models import QueueState

logger = logging.getLogger(__name__)

# Every so many seconds names are looked for, absent queues asked for again, and old rows deleted.
_CHORES = 60.0
# Somebody else asked so lately, as a part of the period, that there is nothing to ask.
_LATELY = 0.8
# A camera that ends waits no longer, in seconds.
_GOODBYE = 1.0


class Watch(threading.Thread):
    """Asks every `DJTASKQ["MONITOR_QUEUES_SECONDS"]`, unless another camera has just done so."""

    def __init__(self, app: Celery) -> None:
        super().__init__(name="djtaskq-queues", daemon=True)
        self.app = app
        self._stopping = threading.Event()
        self._broker: Broker | None = None
        self._workers = Workers()
        self._names: list[str] = []
        self._absent: set[str] = set()
        self._next_chores = 0.0
        self._asked = timezone.now()
        # What is wrong with each, as it was logged.
        self._told: dict[str, str] = {}

    def start(self) -> None:
        if conf().MONITOR_QUEUES_SECONDS is not None:
            super().start()

    def stop(self) -> None:
        """Ask nothing more; a question that is under way may be left behind."""
        self._stopping.set()
        if self.is_alive():
            self.join(_GOODBYE)

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                started = time.monotonic()
                self.turn()
                period = conf().MONITOR_QUEUES_SECONDS or _CHORES
                self._stopping.wait(max(0.0, started + period - time.monotonic()))
        finally:
            self._close()
            connections.close_all()

    def turn(self) -> None:
        """Ask and write once; what fails is logged, once for each reason."""
        using = router.db_for_write(QueueState)
        try:
            if not self._another_asked(using):
                self._ask(using)
            self._told.pop("database", None)
        except (DatabaseError, InterfaceError) as error:
            self._tell("database", f"Queues were not written: {error}")
            if cause(error) is Cause.OUTAGE:
                discard(using)
        except DjtaskqError as error:
            self._tell("broker", f"Queues are not known at present: {error}")

    def _another_asked(self, using: str) -> bool:
        period = conf().MONITOR_QUEUES_SECONDS or _CHORES
        now = timezone.now()
        since = max(self._asked, now - dt.timedelta(seconds=_LATELY * period))
        return QueueState.objects.using(using).filter(asked__gt=since, asked__lte=now).exists()

    def _ask(self, using: str) -> None:
        answered = self._ask_workers(using)
        if answered or time.monotonic() >= self._next_chores:
            self._names = names.queue_names(self.app, using=using)
            self._absent.clear()
            self._next_chores = time.monotonic() + _CHORES
            expiry.expire(using=using)
        self._ask_broker([name for name in self._names if name not in self._absent], using)

    def _ask_workers(self, using: str) -> int:
        try:
            return self._workers.ask(self.app, using=using)
        except ControlError as error:
            self._tell("workers", f"Workers cannot be asked for their queues: {error}")
            return 0

    def _ask_broker(self, wanted: list[str], using: str) -> None:
        if self._broker is None:
            self._broker = broker_of(self.app)
        try:
            answers = self._broker.figures(wanted)
        except (BrokerAway, BrokerRefuses) as error:
            self._close()
            self._asked = timezone.now()
            writing.fail(dict.fromkeys(wanted, str(error)), self._asked, using=using)
            raise
        self._absent |= {name for name, figures in answers.items() if figures.absent}
        if not self._stopping.is_set():
            self._asked = timezone.now()
            writing.write(answers, self._asked, using=using)
            self._told.pop("broker", None)

    def _tell(self, whom: str, text: str) -> None:
        if text != self._told.get(whom):
            self._told[whom] = text
            logger.warning("%s", text)

    def _close(self) -> None:
        if self._broker is not None:
            self._broker.close()
            self._broker = None
