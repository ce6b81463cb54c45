"""Triggers: what a database does by itself when a row of somebody else's table changes.

They see what no Django signal does: `QuerySet.update`, `bulk_create`, SQL by hand, another service.

    TRIGGERS = Triggers("shop", [
        Trigger(
            name="book_added", model=Book, event=Event.INSERT,
            actions=[Stamp(model=Shelf, fields=["changed_at"], key="id", of="shelf")],
        ),
    ])
    TRIGGERS.install("default")

What goes wrong inside of a trigger is no error of the statement that fired it: that one is somebody else's.
SQLite alone cannot keep the two apart; there, drop the triggers before a table that they write to goes.
"""

from djtaskq.db.triggers.declared import Event, Remove, Stamp, Trigger, TriggersRefused
from djtaskq.db.triggers.installed import Triggers

__all__ = ["Event", "Remove", "Stamp", "Trigger", "Triggers", "TriggersRefused"]
