"""Which slot a task runs for."""

import datetime as dt
from typing import Any

SLOT_HEADER = "djtaskq_slot"


def slot_of(request: Any) -> dt.datetime | None:
    """The slot that the task behind `request` was published for, aware and in UTC.

    To be asked inside of a bound task:

        @app.task(bind=True)
        def report(self):
            day = slot_of(self.request)

    A run that is late, is sent again or makes up for one that was missed is told its own slot, and a retry
    that of its first attempt. None if beat did not send it.
    """
    found = getattr(request, SLOT_HEADER, None) or (getattr(request, "headers", None) or {}).get(SLOT_HEADER)
    return None if found is None else dt.datetime.fromisoformat(found).astimezone(dt.UTC)
