"""Starting beats with a `beat_schedule`."""

from djtaskq_beat.declared import Declarer
from tests.waiting import eventually


def install(app, database, entries):
    """Start a beat with these entries, once more if there were more than it takes at once."""
    declarer = Declarer(entries, app=app, using=database, name="test:1")
    eventually(declarer.look)
    return declarer
