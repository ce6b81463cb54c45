"""Starting beats with a `beat_schedule`."""

import contextlib
import threading

from django.db import connections, transaction

from djtaskq_beat.declared import Declarer
from tests.waiting import eventually


def install(app, database, entries):
    """Start a beat with these entries, once more if there were more than it takes at once."""
    declarer = Declarer(entries, app=app, using=database, name="test:1")
    eventually(declarer.look)
    return declarer


@contextlib.contextmanager
def another_connection_holds(database, rows):
    """Have the rows locked by a transaction of somebody else's."""
    held, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic(using=database):
            list(rows.using(database).select_for_update())
            held.set()
            done.wait(30)
        connections[database].close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        yield
    finally:
        done.set()
        thread.join()
