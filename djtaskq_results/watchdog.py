"""A thread beside each worker that finishes the chords whose finisher died.

Between the last part of a chord and its body stands one process: a child of a worker, which may be killed at
any moment. What it leaves is found by the next worker that looks. A look is one statement, and a chord that
it finds is claimed before it is finished, so any number of workers may look at the same time.

Here in the worker's parent, since a child that has no task to run does nothing; and in a thread, since the
parent's loop must not wait for a database.
"""

import random
import threading
from typing import Any

from celery import signals
from celery.utils.log import get_logger
from django.db import DatabaseError, InterfaceError, connections

from djtaskq.conf import conf

logger = get_logger(__name__)

_watching: dict[int, "Watchdog"] = {}


class Watchdog(threading.Thread):
    """Has `app`'s backend look for such chords at once, and then every `seconds` or a little sooner."""

    def __init__(self, app: Any, seconds: float) -> None:
        super().__init__(name="djtaskq chord watchdog", daemon=True)
        self._app = app
        self._seconds = seconds
        self._stopped = threading.Event()

    def run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            self.look()
            # A fleet that was started at once need not look at once.
            pause = self._seconds * random.uniform(0.7, 1)  # noqa: S311  spreads load, keeps no secret

    def look(self) -> None:
        try:
            self._app.backend.finish_due_chords()
        except (DatabaseError, InterfaceError):
            logger.warning("Cannot look for unfinished chords now; the next look comes soon.", exc_info=True)
        finally:
            # A child that is forked while this thread has a connection open would end it for both.
            connections.close_all()

    def stop(self) -> None:
        self._stopped.set()


def begin(sender: Any, **_signal: Any) -> None:
    """Watch, if the worker's results are ours. For `worker_ready`, which comes after reconnections too."""
    seconds = conf().RESULTS_CHORD_SWEEP_SECONDS
    app = sender.app
    if seconds and id(app) not in _watching and hasattr(app.backend, "finish_due_chords"):
        _watching[id(app)] = Watchdog(app, seconds)
        _watching[id(app)].start()


def end(**_signal: Any) -> None:
    while _watching:
        _watching.popitem()[1].stop()


def connect() -> None:
    signals.worker_ready.connect(begin, dispatch_uid="djtaskq_results.watchdog")
    signals.worker_shutdown.connect(end, dispatch_uid="djtaskq_results.watchdog")
